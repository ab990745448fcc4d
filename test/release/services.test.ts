import { describe, expect, test } from 'vitest';
import { manifestJsonSchema } from '../../drivers/release/json-schema.ts';
import { readReleaseFolder } from '../../drivers/release/manifest.ts';
import { ReleaseProblems } from '../../drivers/release/release-problems.ts';
import { toRelease } from '../../drivers/release/to-release.ts';
import type { Release } from '../../model/release.ts';
import { MAX_SERVICES } from '../../model/service.ts';
import { folderWith } from './folder.ts';

const IMAGE = `registry.lab:5000/web@sha256:${'a'.repeat(64)}`;

describe('the services of a release.yaml', () => {
  test('get every default from a name and an image', async () => {
    const { services } = await read('name: web');

    expect(services).toEqual([
      {
        ...{ name: 'web', image: IMAGE, compatible: true, infrastructure: false, mode: 'inPlace', drainMs: 30_000 },
        ...{ strategy: { strategy: 'inPlace' }, minAvailable: null, settings: {} },
        health: { minHealthyTimeMs: 5_000, deadlineMs: 120_000, probe: null },
      },
    ]);
  });

  test('say all that a service can have', async () => {
    const { services } = await read(`name: web
    infrastructure: true
    strategy: { phases: 25% }
    mode: agent
    minAvailable: 2
    health: { minHealthyTime: 1s, deadline: 1m, probe: { type: http, url: "http://127.0.0.1/health" } }
    drain: 10s
    command: ["--verbose"]
    entrypoint: ["web"]
    env: { LOG: info }
    labels: { tier: front }`);

    expect(services[0]).toMatchObject({
      ...{ infrastructure: true, mode: 'agent', minAvailable: { hosts: 2 }, drainMs: 10_000 },
      strategy: { strategy: 'phases', size: { percent: 25 } },
      health: {
        ...{ minHealthyTimeMs: 1_000, deadlineMs: 60_000 },
        probe: { type: 'http', url: 'http://127.0.0.1/health', status: 200, contains: null },
      },
      settings: { command: ['--verbose'], entrypoint: ['web'], env: { LOG: 'info' }, labels: { tier: 'front' } },
    });
  });

  test.each([
    ['strategy: { phases: 2 }', { strategy: 'phases', size: { hosts: 2 } }],
    ['strategy: { phases: 2% }', { strategy: 'phases', size: { percent: 2 } }],
    ['strategy: allAtOnce', { strategy: 'allAtOnce' }],
    ['compatible: false', { strategy: 'allAtOnce' }],
    ['{ compatible: false, strategy: allAtOnce }', { strategy: 'allAtOnce' }],
  ])('with %s', async (fields, strategy) => {
    const { services } = await read(fieldsOf(fields));

    expect(services[0]?.strategy).toEqual(strategy);
  });

  test.each([
    ['strategy: rolling', 'strategy: expected inPlace, allAtOnce, or { phases: 2 } or { phases: 25% }, got "rolling"'],
    ['strategy: { phases: 0 }', 'strategy: expected inPlace, allAtOnce, or'],
    ['{ compatible: false, strategy: inPlace }', 'strategy: compatible: false needs allAtOnce'],
    ['{ compatible: false, strategy: { phases: 2 } }', 'strategy: compatible: false needs allAtOnce'],
    ['{ strategy: allAtOnce, mode: agent }', "mode: agent can't be allAtOnce"],
    ['{ compatible: false, mode: agent }', "mode: agent can't be allAtOnce"],
    ['{ strategy: allAtOnce, minAvailable: 1 }', 'minAvailable: allAtOnce leaves no member available'],
    ['minAvailable: half', 'minAvailable: expected a number of members such as 1, or a share such as 25%, got "half"'],
    ['mode: restart', 'mode: expected inPlace, create or agent, got "restart"'],
    ['health: { minHealthyTime: 2m, deadline: 1m }', 'health.deadline: a deadline must be longer than minHealthyTime'],
    ['health: { probe: { type: unit, unit: a.service } }', 'health.probe.type: expected http, tcp or exec, got "unit"'],
    ['labels: { dev.refit.upgrade: mine }', "labels that begin with dev.refit. are refit's own"],
    ['env: { PORT: 80 }', 'env.PORT: expected text, got 80; put it in quotes'],
    ['compatable: false', 'compatable: unknown field'],
  ])('are refused with %s', async (fields, problem) => {
    const problems = await problemsOf(fieldsOf(fields));

    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^release\.yaml:\d+:\d+: services\[0\]\./);
    expect(problems[0]).toContain(problem);
  });

  test('are refused without an image by digest', async () => {
    const problems = await problemsOf('name: web', 'registry.lab:5000/web:2.0.0');

    expect(problems).toEqual([expect.stringContaining('services[0].image: expected an image by digest')]);
  });

  test('stand once in a release', async () => {
    const problems = await problemsOf(`name: web\n  - name: web\n    image: ${IMAGE}`);

    expect(problems).toEqual(['release.yaml:8:5: services[1].name: "web" is already services[0].name']);
  });

  test('are not more than an upgrade can speak of', async () => {
    const more = Array.from({ length: MAX_SERVICES }, (_, index) => `\n  - { name: s${index}, image: "${IMAGE}" }`);

    expect(await problemsOf(`name: web${more.join('')}`)).toEqual([
      expect.stringContaining(
        `services: expected a list of at most ${MAX_SERVICES}, got a list of ${MAX_SERVICES + 1}`,
      ),
    ]);
  });

  test('are described to editors', () => {
    const text = JSON.stringify(manifestJsonSchema());

    expect(text).toContain('the old and the new version never serve together');
    expect(text).toContain('phases: so many at a time');
  });
});

/** One field as it stands, several in braces. */
const fieldsOf = (fields: string): string =>
  fields.startsWith('{')
    ? `name: web\n    ${fields
        .slice(2, -2)
        .split(/, (?=\w+:)/)
        .join('\n    ')}`
    : `name: web\n    ${fields}`;

const manifestWith = (fields: string, image: string): string =>
  `name: a\nversion: 1.0.0\nhost:\n  steps: []\nservices:\n  - image: ${image}\n    ${fields}\n`;

async function read(fields: string): Promise<Release> {
  await using folder = await folderWith({ 'release.yaml': manifestWith(fields, IMAGE) });
  return toRelease(await readReleaseFolder(folder.path));
}

async function problemsOf(fields: string, image = IMAGE): Promise<readonly string[]> {
  await using folder = await folderWith({ 'release.yaml': manifestWith(fields, image) });
  const error: unknown = await readReleaseFolder(folder.path).then(
    () => new Error('expected problems, got none'),
    (reason: unknown) => reason,
  );
  if (error instanceof ReleaseProblems) return error.problems;
  throw error;
}
