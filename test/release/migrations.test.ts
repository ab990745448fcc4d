import { describe, expect, test } from 'vitest';
import { MAX_MIGRATIONS } from '../../model/migration.ts';
import { readReleaseFolder } from '../../drivers/release/manifest.ts';
import { toRelease } from '../../drivers/release/to-release.ts';
import { folderWith } from './folder.ts';
import { problemsOf, readFields } from './jump-manifest.ts';
import { IMAGE, manifestProblems } from './unit-manifest.ts';

const migration = {
  ...{ name: 'add-prices', when: 'expand', image: IMAGE, beside: 'db' },
  ...{ up: ['migrate', 'up'], check: ['migrate', 'is-applied'] },
};
const backup = { image: IMAGE, beside: 'db', command: ['dump', '/backup'], verify: ['list', '/backup'] };

describe('the migrations of a release.yaml', () => {
  test('get every default from a name, a time, an image, a place and two commands', async () => {
    const release = await readFields({ migrations: [migration], backup });

    const rest = { entrypoint: null, env: {}, volumes: [] };
    expect(release.migrations).toEqual([{ ...migration, ...rest, down: null, compatible: false, timeoutMs: 300_000 }]);
    expect(release.backup).toEqual({ ...backup, ...rest, timeoutMs: 1_800_000 });
  });

  test('say all that a migration and a backup can have', async () => {
    const job = { entrypoint: ['sh'], env: { PGUSER: 'shop' }, volumes: ['/etc/shop/password:/password:ro'] };
    const whole = { ...migration, ...job, when: 'contract', down: ['migrate', 'down'], compatible: true };

    const release = await readFields({
      migrations: [{ ...whole, timeout: '10s' }],
      backup: { ...backup, ...job, timeout: '1h' },
    });

    expect(release.migrations).toEqual([{ ...whole, timeoutMs: 10_000 }]);
    expect(release.backup).toEqual({ ...backup, ...job, timeoutMs: 3_600_000 });
  });

  test('may have nothing to keep, if the author says so', async () => {
    const release = await readFields({ migrations: [migration], backup: 'none' });

    expect(release.backup).toBeNull();
  });

  test('keep their order, and those with tags in their images lose them', async () => {
    const image = IMAGE.replace('@', ':1.0.0@');
    const migrations = ['c', 'a', 'b'].map((name) => ({ ...migration, name, image }));

    const release = await readFields({ migrations, backup });

    expect(release.migrations.map(({ name }) => name)).toEqual(['c', 'a', 'b']);
    expect(release.migrations[0]?.image).toBe(IMAGE);
  });
});

describe('migrations are refused', () => {
  test.each([
    ['migrations[0].check', 'expected a list such as', { check: undefined }],
    ['migrations[0].up', 'expected a list such as', { up: undefined }],
    ['migrations[0].up', 'expected a list of at least 1', { up: [] }],
    ['migrations[0].beside', 'expected a service name', { beside: undefined }],
    ['migrations[0].when', 'expected expand or contract, got "before"', { when: 'before' }],
    ['migrations[0].image', 'expected an image by digest', { image: 'registry.lab/db:1' }],
    ['migrations[0].env.PORT', 'expected text, got 5432; put it in quotes', { env: { PORT: 5432 } }],
    ['migrations[0].volumes[0]', 'expected a volume such as', { volumes: ['password'] }],
    ['migrations[0].timeout', 'expected a duration', { timeout: 5 }],
    ['migrations[0].name', '"backup" is how an upgrade names the backup', { name: 'backup' }],
    ['migrations[0].comand', 'unknown field', { comand: ['up'] }],
  ])('at %s: %s', async (field, message, fields) => {
    const problems = await problemsOf({ migrations: [{ ...migration, ...fields }], backup });

    expect(problems).toEqual([expect.stringContaining(`${field}: ${message}`)]);
  });

  test.each([
    ['backup', 'expected none, or a group such as { image, command, verify, beside }, got "later"', 'later'],
    ['backup', 'expected none, or a group such as { image, command, verify, beside }, got an empty field', null],
    ['backup.verify', 'expected a list such as', { ...backup, verify: undefined }],
    ['backup.check', 'unknown field', { ...backup, check: ['true'] }],
    ['backup.volumes[0]', "/backup is refit's own", { ...backup, volumes: ['data:/backup'] }],
    ['backup.volumes[0]', "/backup is refit's own", { ...backup, volumes: ['data:/backup/data:ro'] }],
    ['backup.volumes[0]', "/backup is refit's own", { ...backup, volumes: ['data:/x/../backup/'] }],
  ])('with a backup at %s: %s', async (field, message, fields) => {
    const problems = await problemsOf({ migrations: [migration], backup: fields });

    expect(problems).toEqual([expect.stringContaining(`${field}: ${message}`)]);
  });

  test('without a backup, with what to write', async () => {
    expect(await problemsOf({ migrations: [migration] })).toEqual([
      'migrations: need a backup that is made before them: write backup: { image, command, verify, beside }, or backup: none if there is nothing to keep',
    ]);
  });

  test('when two have one name, along with all else that is wrong', async () => {
    const text = `name: shop
version: 4.2
host: { steps: [] }
migrations:
  - { name: a, when: expand, image: "${IMAGE}", beside: db, up: [up], check: [check] }
  - { name: a, when: expand, image: "${IMAGE}", beside: db, up: up, check: [check] }
`;

    expect(await manifestProblems(text)).toEqual([
      expect.stringContaining('release.yaml:2:1: version: expected a semantic version'),
      expect.stringContaining('release.yaml:4:1: migrations: need a backup'),
      'release.yaml:6:7: migrations[1].name: "a" is already migrations[0].name',
      expect.stringContaining('migrations[1].up: expected a list such as'),
    ]);
  });

  test(`when there are more than ${MAX_MIGRATIONS}`, async () => {
    const migrations = Array.from({ length: MAX_MIGRATIONS + 1 }, (_, index) => ({ ...migration, name: `m-${index}` }));

    expect(await problemsOf({ migrations, backup })).toEqual([
      expect.stringContaining(`migrations: expected a list of at most ${MAX_MIGRATIONS}`),
    ]);
  });
});

describe('a volume of a backup', () => {
  test.each(['data:/backups', 'data:/var/backup', 'backup:/data'])('may be %s', async (volume) => {
    const release = await readFields({ backup: { ...backup, volumes: [volume] } });

    expect(release.backup?.volumes).toEqual([volume]);
  });
});

describe('a file that an administrator may change', () => {
  test.each([
    ['', 'replace'],
    [', ifEdited: keep', 'keep'],
    [', ifEdited: ask', 'ask'],
  ])('with "%s" is one to %s', async (field, ifEdited) => {
    await using folder = await folderWith({ 'release.yaml': filesManifest(field), 'a.conf': '' });

    const { host } = toRelease(await readReleaseFolder(folder.path));

    expect(host.steps[0]).toMatchObject({ files: [{ ifEdited }] });
  });

  test('is replaced, kept or asked about, and nothing else', async () => {
    await using folder = await folderWith({ 'release.yaml': filesManifest(', ifEdited: merge'), 'a.conf': '' });

    await expect(readReleaseFolder(folder.path)).rejects.toThrow(
      'host.steps[0].files[0].ifEdited: expected replace, keep or ask, got "merge"',
    );
  });
});

const filesManifest = (field: string): string => `name: a
version: 1.0.0
host:
  steps:
    - { id: config, type: files, files: [{ from: a.conf, to: /etc/a.conf${field} }] }
`;
