import { chmod, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { digestHex, parseDigest } from '../../model/ids.ts';
import { sha256 } from '../../drivers/oci/blob.ts';
import { readLayout } from '../../drivers/oci/layout.ts';
import { unpackTar } from '../../drivers/oci/tar.ts';
import { buildRelease, type BuiltRelease } from '../../drivers/release/build.ts';
import { parseRelease } from '../../drivers/release/release-json.ts';
import { ReleaseProblems } from '../../drivers/release/release-problems.ts';
import { folderWith, smallAgent, smallManifest, smallRelease } from './folder.ts';

/** A build besides the runtime layer, which is made once on a machine; of processor time, since tests share it. */
const SECOND_BUILD_MS = 2_000;

describe('building a release', () => {
  test('gives the same digest for the same folder at another place, another time and with other modes', async () => {
    await using first = await smallRelease();
    await using second = await smallRelease();
    await utimes(join(second.path, 'files/app.conf'), new Date(1e12), new Date(1e12));
    await chmod(join(second.path, 'files/app.conf'), 0o600);

    const [one, other] = [await build(first.path), await build(second.path)];

    expect(other.digest).toBe(one.digest);
    expect(other.contents).toBe(one.contents);
  });

  test('gives another digest when a file, the manifest or the agent differs', async () => {
    await using folder = await smallRelease();
    const { digest } = await build(folder.path);
    const otherAgent = { version: '9', files: new Map([['agent/agent.cjs', Buffer.from('')]]) };

    const agentBuild = await build(folder.path, { agent: () => Promise.resolve(otherAgent) });
    await writeFile(join(folder.path, 'files/app.conf'), 'changed');
    const fileBuild = await build(folder.path);
    await writeFile(join(folder.path, 'release.yaml'), `${smallManifest()}# a comment\n`);
    const manifestBuild = await build(folder.path);

    expect(new Set([digest, agentBuild.digest, fileBuild.digest, manifestBuild.digest]).size).toBe(4);
  });

  test('takes in what the manifest names, and nothing else', async () => {
    await using folder = await smallRelease();

    const built = await build(folder.path);

    expect([...(await filesOf(built, 'payload')).keys()]).toEqual(['/release/files/app.conf']);
    expect([...(await filesOf(built, 'release')).keys()].sort()).toEqual([
      '/release/release.json',
      '/release/release.yaml',
    ]);
    expect([...(await filesOf(built, 'agent')).keys()]).toEqual(['/refit/agent/agent.cjs']);
  });

  test('vouches for every file: the label for release.json, release.json for the rest', async () => {
    await using folder = await smallRelease('2.0.0');

    const built = await build(folder.path);
    const files = new Map([...(await filesOf(built, 'payload')), ...(await filesOf(built, 'release'))]);
    const json = files.get('/release/release.json') ?? Buffer.alloc(0);
    const { contents } = parseRelease(json.toString());

    expect(sha256(json)).toBe(built.contents);
    expect((await configOf(built)).config.Labels).toMatchObject({
      'dev.refit.name': 'sample',
      'dev.refit.version': '2.0.0',
      'dev.refit.contents': built.contents,
      'dev.refit.agent': '0.0.0+small',
      'org.opencontainers.image.version': '2.0.0',
    });
    expect(contents.map(({ path }) => path)).toEqual(['files/app.conf', 'release.yaml']);
    for (const { path, sha256: hex, sizeBytes } of contents) {
      const bytes = files.get(`/release/${path}`) ?? Buffer.alloc(0);
      expect([digestHex(sha256(bytes)), bytes.length]).toEqual([hex, sizeBytes]);
    }
  });

  test('makes an image that starts the agent by its own loader', async () => {
    await using folder = await smallRelease();

    const { config } = await configOf(await build(folder.path));

    expect([...config.Entrypoint, ...config.Cmd].join(' ')).toBe(
      '/refit/runtime/ld.so --library-path /refit/runtime/lib /refit/runtime/node /refit/agent/agent.cjs download',
    );
  });

  test('needs no payload layer for a release without files', async () => {
    await using folder = await folderWith({ 'release.yaml': 'name: a\nversion: 1.0.0\nhost: { steps: [] }\n' });

    const { layers } = await build(folder.path);

    expect(layers.map(({ name }) => name)).toEqual(['runtime', 'agent', 'release']);
  });

  test('is quick once the runtime is in the cache', async () => {
    await using folder = await smallRelease();
    await build(folder.path);

    const before = process.cpuUsage();
    await build(folder.path);
    const { user, system } = process.cpuUsage(before);

    expect((user + system) / 1000).toBeLessThan(SECOND_BUILD_MS);
  });

  test('asks for no agent and writes nothing when the folder is wrong', async () => {
    await using folder = await folderWith({ 'release.yaml': 'name: a\n' });
    let isAsked = false;
    const agent = (): ReturnType<typeof smallAgent> => {
      isAsked = true;
      return smallAgent();
    };

    await expect(build(folder.path, { agent })).rejects.toThrow(ReleaseProblems);

    expect(isAsked).toBe(false);
    expect(await readdir(folder.path)).toEqual(['release.yaml']);
  });

  test('replaces an earlier image of the same name and leaves nothing half-made beside it', async () => {
    await using folder = await smallRelease();
    await build(folder.path);
    await writeFile(join(folder.path, 'files/app.conf'), 'changed');

    const built = await build(folder.path);

    expect((await readLayout(built.layout)).descriptor.digest).toBe(built.digest);
    expect((await readdir(folder.path)).sort()).toEqual(['files', 'image', 'notes.txt', 'release.yaml']);
  });
});

const build = (
  folder: string,
  { agent = smallAgent }: Partial<Pick<Parameters<typeof buildRelease>[0], 'agent'>> = {},
): Promise<BuiltRelease> => buildRelease({ folder, agent, output: join(folder, 'image') });

const Config = z.object({
  config: z.object({
    Entrypoint: z.array(z.string()),
    Cmd: z.array(z.string()),
    Labels: z.record(z.string(), z.string()),
  }),
});

async function configOf({ layout }: BuiltRelease): Promise<z.infer<typeof Config>> {
  const { manifest } = await readLayout(layout);
  return Config.parse(JSON.parse((await blob(layout, manifest.config.digest)).toString()));
}

async function filesOf({ layout, layers }: BuiltRelease, name: string): Promise<ReadonlyMap<string, Buffer>> {
  const { digest } = layers.find((layer) => layer.name === name) ?? { digest: parseDigest(`sha256:${'0'.repeat(64)}`) };
  return unpackTar(await promisify(gunzip)(await blob(layout, digest)));
}

const blob = (layout: string, digest: ReturnType<typeof parseDigest>): Promise<Buffer> =>
  readFile(join(layout, 'blobs', 'sha256', digestHex(digest)));
