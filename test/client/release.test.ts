import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { exitCodes } from '../../client/cli/exit.ts';
import { folderWith, smallRelease } from '../release/folder.ts';
import { root } from '../tidy/source.ts';

/** A fleet whose registry is a port where nothing listens. */
const FLEET = `fleet: test
hosts: [{ name: a, engine: { endpoint: "unix:///nowhere" } }]
etcd: { endpoints: ["http://127.0.0.1:9"] }
registries: { "registry.lab:5000": { endpoint: "http://127.0.0.1:9" } }
`;

const Built = z.object({
  name: z.literal('sample'),
  version: z.literal('2.0.0'),
  digest: z.string(),
  contents: z.string(),
  reference: z.null(),
  tag: z.null(),
  layout: z.string(),
  sizeBytes: z.number(),
  layers: z.array(z.object({ name: z.string(), digest: z.string(), sizeBytes: z.number() })),
});

describe('refit release', () => {
  test('builds into .refit of the working folder and tells programs what it made', async () => {
    await using folder = await smallRelease('2.0.0');

    const { exitCode, stdout } = await refit(['release', 'build', '.', '--json'], folder.path);

    expect(exitCode).toBe(exitCodes.done);
    expect(Built.parse(JSON.parse(stdout)).layout).toBe(join(folder.path, '.refit/releases/sample-2.0.0'));
  });

  test('tells people the digest and how to publish', async () => {
    await using folder = await smallRelease('2.0.0');

    const { stdout } = await refit(['release', 'build', '.', '--output', 'image'], folder.path);

    expect(stdout).toMatch(/^built sample 2\.0\.0\n {2}digest {3}sha256:[0-9a-f]{64}\n/);
    expect(stdout).toContain('publish it with: --push REGISTRY/NAME');
  });

  test('refuses a wrong folder with every line of it, and writes nothing', async () => {
    await using folder = await folderWith({ 'release.yaml': 'name: A\nversion: 1\n' });

    const { exitCode, stdout, stderr } = await refit(['release', 'build', '.'], folder.path);

    expect([exitCode, stdout]).toEqual([exitCodes.wrongInput, '']);
    expect(stderr).toContain('release.yaml:1:1: name: expected a name');
    expect(stderr).toContain('release.yaml:2:1: version: expected a semantic version');
    expect(stderr).toContain('release.yaml:1:1: host: expected a group of fields, got nothing');
    expect(existsSync(join(folder.path, '.refit/releases'))).toBe(false);
  });

  test.each([
    ['a reference that is none', 'sample'],
    ['a digest to push to', `registry.lab:5000/sample@sha256:${'a'.repeat(64)}`],
  ])('refuses %s before it builds anything', async (_what, reference) => {
    await using folder = await smallRelease();

    const { exitCode } = await refit(['release', 'build', '.', '--push', reference], folder.path);

    expect(exitCode).toBe(exitCodes.wrongInput);
    expect(existsSync(join(folder.path, '.refit/releases'))).toBe(false);
  });

  test.each([
    [
      'is not there',
      'registry.lab:5000/sample:1.0.0',
      exitCodes.unreachable,
      "registry registry.lab:5000 can't be used",
    ],
    ['has no name', 'sample:1.0.0', exitCodes.wrongInput, 'expected an image such as'],
  ] as const)('show says so when the registry %s', async (...[, reference, code, message]) => {
    await using folder = await folderWith({});

    const { exitCode, stderr } = await refit(['release', 'show', reference], folder.path);

    expect(exitCode).toBe(code);
    expect(stderr).toContain(message);
  });

  test('prints the JSON Schema as one document', async () => {
    await using folder = await folderWith({});

    const { stdout } = await refit(['release', 'schema'], folder.path);

    expect(JSON.parse(stdout)).toMatchObject({ title: 'refit release', type: 'object' });
  });
});

type Ran = { readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string };

async function refit(args: readonly string[], cwd: string): Promise<Ran> {
  await using fleet = await folderWith({ 'fleet.yaml': FLEET });
  const env = { REFIT_FLEET: join(fleet.path, 'fleet.yaml') };
  const { exitCode, stdout, stderr } = await execa('node', [join(root, 'bin/refit.mjs'), ...args], {
    cwd,
    env,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}
