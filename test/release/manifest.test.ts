import { describe, expect, test } from 'vitest';
import { readReleaseFolder } from '../../drivers/release/manifest.ts';
import { ReleaseProblems } from '../../drivers/release/release-problems.ts';
import { toRelease } from '../../drivers/release/to-release.ts';
import type { Release } from '../../model/release.ts';
import { folderWith, smallManifest } from './folder.ts';

const IMAGE = `registry.lab:5000/dns@sha256:${'a'.repeat(64)}`;

describe('a release.yaml that is right', () => {
  test('gets the model’s units and every default', async () => {
    const release = await read(smallManifest('1.2.3'));

    expect(release).toMatchObject({
      schema: 1,
      name: 'sample',
      version: '1.2.3',
      upgradesFrom: [],
      chain: [],
      components: {},
      fleets: [],
      services: [],
      units: [],
      migrations: [],
      backup: null,
      upgrader: null,
      host: {
        deadlineMs: 600_000,
        diskFreeBytes: 200 * 1024 ** 2,
        health: { probes: [], minHealthyTimeMs: 0, deadlineMs: 60_000 },
      },
    });
    expect(release.host.steps[0]).toEqual({
      id: 'config',
      type: 'files',
      files: [
        {
          ...{ from: 'files/app.conf', to: '/etc/sample/app.conf', mode: '0644', owner: 'root', group: 'root' },
          ifEdited: 'replace',
        },
      ],
    });
  });

  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['10m', 600_000],
    ['1.5h', 5_400_000],
  ])('takes a deadline of %s for %i ms', async (text, ms) => {
    const release = await read(`name: a\nversion: 1.0.0\nhost: { deadline: ${text}, steps: [] }\n`);

    expect(release.host.deadlineMs).toBe(ms);
  });

  test.each([
    ['1048576', 1_048_576],
    ['500MB', 500_000_000],
    ['1.5GiB', 1_610_612_736],
    ['1kB', 1000],
  ])('takes a size of %s for %i bytes', async (text, bytes) => {
    const release = await read(`name: a\nversion: 1.0.0\nhost: { diskFree: ${text}, steps: [] }\n`);

    expect(release.host.diskFreeBytes).toBe(bytes);
  });

  test('knows run, reboot, unit and container steps', async () => {
    const release = await read(`name: a
version: 1.0.0
host:
  steps:
    - { id: a, type: run, check: ["false"], command: ["true"], timeout: 5s }
    - { id: b, type: reboot }
    - { id: c, type: unit, unit: a.service, state: stopped, enabled: false }
    - { id: d, type: container, name: dns, image: "${IMAGE.replace('@', ':1.0.0@')}", ports: ["53:53/udp", "80:8080"] }
`);

    expect(release.host.steps).toEqual([
      { id: 'a', type: 'run', check: ['false'], command: ['true'], undo: null, probe: null, timeoutMs: 5_000 },
      { id: 'b', type: 'reboot', timeoutMs: 300_000 },
      { id: 'c', type: 'unit', unit: 'a.service', state: 'stopped', enabled: false },
      {
        id: 'd',
        type: 'container',
        name: 'dns',
        // The digest is what counts; a tag beside it would name the same image twice.
        image: IMAGE,
        command: [],
        env: {},
        ports: ['53:53/udp', '80:8080/tcp'],
        volumes: [],
        network: 'bridge',
        restart: 'always',
        base: 'stated',
        timeoutMs: 60_000,
      },
    ]);
  });

  test('gives a health section its own defaults', async () => {
    const release = await read(`name: a
version: 1.0.0
host:
  steps: []
  health:
    probes:
      - { type: http, url: "http://127.0.0.1:80/" }
      - { type: tcp, port: 5432 }
`);

    expect(release.host.health).toEqual({
      minHealthyTimeMs: 3_000,
      deadlineMs: 60_000,
      probes: [
        { type: 'http', url: 'http://127.0.0.1:80/', status: 200, contains: null },
        { type: 'tcp', host: '127.0.0.1', port: 5432 },
      ],
    });
  });
});

describe('a release.yaml that is wrong', () => {
  test('lists everything that is wrong, in the file’s order, each with line, column and field', async () => {
    const problems = await problemsOf(`name: Sample
version: 1.2
upgradesFrom: [nope]
host:
  deadline: 5
  steps:
    - id: a
      type: run
      check: systemctl status
      command: []
    - id: a
      type: container
      name: dns
      image: registry.lab:5000/dns:1.0.0
      env: { PORT: 8080 }
`);

    expect(problems).toEqual([
      'release.yaml:1:1: name: expected a name of lower-case letters, digits, dots and dashes, got "Sample"',
      'release.yaml:2:1: version: expected a semantic version such as 2.0.0, got 1.2',
      'release.yaml:3:16: upgradesFrom[0]: expected a version range such as ^1.4.0, got "nope"',
      'release.yaml:5:3: host.deadline: expected a duration such as 10m, 30s or 500ms, got 5',
      'release.yaml:9:7: host.steps[0].check: expected a list such as ["systemctl", "status"] (no shell is started; for one write ["sh", "-c", "…"]), got "systemctl status"',
      'release.yaml:10:7: host.steps[0].command: expected a list of at least 1, got a list of 0',
      'release.yaml:11:7: host.steps[1].id: "a" is already host.steps[0].id',
      'release.yaml:14:7: host.steps[1].image: expected an image by digest, such as registry.example/dns@sha256:…, got "registry.lab:5000/dns:1.0.0"',
      'release.yaml:15:14: host.steps[1].env.PORT: expected text, got 8080; put it in quotes',
    ]);
  });

  test.each([
    ['a misspelled field', 'nmae: b', '1:1: nmae: unknown field'],
    ['a field that is there twice', 'name: b', '2:1: map keys must be unique'],
    ['a schema of a later version', 'schema: 2', '1:1: schema: expected 1, got 2'],
  ])('refuses %s', async (_what, line, problem) => {
    const problems = await problemsOf(`${line}\nname: a\nversion: 1.0.0\nhost: { steps: [] }\n`);

    expect(problems).toContainEqual(expect.stringContaining(`release.yaml:${problem}`));
  });

  test.each([
    ['{ id: a, type: files, files: [{ from: a, to: /a/../b }] }', 'an absolute path without ".."'],
    ['{ id: a, type: files, files: [{ from: a, to: b }] }', 'an absolute path without ".."'],
    ['{ id: a, type: files, files: [{ from: a, to: /b/ }] }', 'an absolute path without ".."'],
    ['{ id: a, type: files, files: [{ from: a, to: /b, mode: 0644 }] }', 'an octal mode in quotes'],
    ['{ id: a, type: files, files: [{ from: a, to: /b, owner: 0 }] }', 'the name or number of an account, in quotes'],
    ['{ id: a, type: unit, unit: sample }', 'a systemd unit such as sample.service'],
    ['{ id: a, type: unit, unit: a.service, state: running }', 'started, restarted or stopped'],
    ['{ id: A b, type: reboot }', 'a step name'],
    ['{ id: a, type: other }', 'files, packages, unit, run, reboot, container, kernel or engine'],
    ['{ id: a }', 'files, packages, unit, run, reboot, container, kernel or engine'],
    ['"reboot"', 'a group of fields'],
    [`{ id: a, type: container, name: a, image: "${IMAGE}", ports: ["0:80"] }`, 'a port such as'],
    [`{ id: a, type: container, name: a, image: "${IMAGE}", ports: ["80"] }`, 'a port such as'],
    [`{ id: a, type: container, name: a, image: "${IMAGE}", volumes: ["a:b"] }`, 'a volume such as'],
    [
      `{ id: a, type: container, name: a, image: "${IMAGE}", restart: never }`,
      'no, always, unless-stopped or on-failure',
    ],
    ['{ id: a, type: container, name: a, image: "dns@sha256:12" }', 'an image by digest'],
  ])('refuses the step %s', async (step, expected) => {
    const problems = await problemsOf(`name: a\nversion: 1.0.0\nhost:\n  steps:\n    - ${step}\n`);

    expect(problems).toContainEqual(expect.stringMatching(/^release\.yaml:5:\d+: host\.steps\[0\]/));
    expect(problems.join('\n')).toContain(`expected ${expected}`);
  });

  test('refuses a health deadline that no host could meet', async () => {
    const problems = await problemsOf(
      'name: a\nversion: 1.0.0\nhost:\n  steps: []\n  health: { minHealthyTime: 2m, deadline: 1m }\n',
    );

    expect(problems).toEqual([expect.stringContaining('5:33: host.health.deadline: a deadline must be longer than')]);
  });

  test('names the place of a fault in the text itself', async () => {
    expect(await problemsOf('name: [a\n')).toEqual([expect.stringMatching(/^release\.yaml:\d+:\d+: /)]);
  });

  test.each(['', 'just text', '[]', 'null'])('refuses %j, which is no release at all', async (text) => {
    expect(await problemsOf(text)).toEqual([
      expect.stringMatching(/^release\.yaml:1:1: expected a group of fields, got/),
    ]);
  });

  test('says of a folder without release.yaml where it looked', async () => {
    await using folder = await folderWith({});

    await expect(readReleaseFolder(folder.path)).rejects.toThrow(`expected the folder ${folder.path} to hold it`);
  });

  test('does not unfold aliases into gigabytes', async () => {
    const bomb = Array.from({ length: 30 }, (_, index) =>
      index === 0 ? 'a0: &a0 [x, x]' : `a${index}: &a${index} [*a${index - 1}, *a${index - 1}, *a${index - 1}]`,
    ).join('\n');

    await expect(problemsOf(bomb)).resolves.toEqual([expect.stringContaining('release.yaml:1:1: ')]);
  });
});

async function read(text: string): Promise<Release> {
  await using folder = await folderWith({ 'release.yaml': text, 'files/app.conf': 'hello' });
  return toRelease(await readReleaseFolder(folder.path));
}

async function problemsOf(text: string): Promise<readonly string[]> {
  await using folder = await folderWith({ 'release.yaml': text, a: 'a file' });
  const error: unknown = await readReleaseFolder(folder.path).then(
    () => new Error('expected problems, got none'),
    (reason: unknown) => reason,
  );
  if (error instanceof ReleaseProblems) return error.problems;
  throw error;
}
