import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../drivers/docker/engine.ts';
import { mediaTypes, sha256 } from '../../drivers/oci/blob.ts';
import { buildImage } from '../../drivers/oci/image.ts';
import type { Layer } from '../../drivers/oci/layer.ts';
import { createRegistry } from '../../drivers/registry.ts';
import { buildRelease } from '../../drivers/release/build.ts';
import { digestHex } from '../../model/ids.ts';
import { startEngine } from '../parts/engine.ts';
import { folderWith, smallAgent, smallRelease } from '../release/folder.ts';
import { startLyingRegistry } from './lying-registry.ts';
import { failureOf, publishSample, type PublishedSample } from './published-sample.ts';

let sample: PublishedSample;
const registry = createRegistry({});

beforeAll(async () => {
  sample = await publishSample();
});
afterAll(() => sample[Symbol.asyncDispose]());

describe('a published release', () => {
  test('is read by tag and by digest, and is what was built', async () => {
    const byTag = await registry.readRelease(`${sample.address}/sample:2.0.0`);
    const byDigest = await registry.readRelease(sample.reference);

    expect(byTag).toEqual(byDigest);
    expect(byTag).toEqual({
      ref: {
        name: 'sample',
        version: '2.0.0',
        repository: `${sample.address}/sample`,
        digest: sample.built.digest,
        contents: sample.built.contents,
      },
      release: sample.built.release,
      agent: '0.0.0+small',
      sizeBytes: sample.built.sizeBytes,
      layers: sample.built.layers,
    });
  });

  test('is found by its digest, and another is not', async () => {
    const absent = `${sample.address}/sample@sha256:${'0'.repeat(64)}`;

    expect(await registry.resolve(`${sample.address}/sample:2.0.0`)).toEqual({
      repository: `${sample.address}/sample`,
      digest: sample.built.digest,
    });
    expect(await registry.exists(sample.reference)).toBe(true);
    expect(await registry.exists(absent)).toBe(false);
    expect(await failureOf(registry.readRelease(absent))).toMatchObject({
      kind: 'notFound',
      message: expect.stringContaining('refit release build DIR --push') as string,
    });
  });

  test('has the size of its layers, and what is not there has none', async () => {
    const absent = `${sample.address}/sample@sha256:${'0'.repeat(64)}`;

    expect(await registry.sizeOf(sample.reference)).toBe(sample.built.sizeBytes);
    expect(await registry.sizeOf(absent)).toBeNull();
  });

  test('has the size of what a host would pull where its name stands for several architectures', async () => {
    await using proxy = await startLyingRegistry(sample.address);
    const platform = (architecture: string, digest: string): object => ({
      ...{ mediaType: mediaTypes.manifest, digest, size: 1, platform: { os: 'linux', architecture } },
    });
    const manifests = [platform('arm64', sha256('arm64')), platform('amd64', sample.built.digest)];
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
    proxy.lie(({ path }, { body, send, response }) => {
      if (!path.endsWith('/manifests/2.0.0')) {
        send(body);
        return;
      }
      response.setHeader('content-type', mediaTypes.index);
      response.writeHead(200).end(index);
    });

    expect(await registry.sizeOf(`${proxy.address}/sample:2.0.0`)).toBe(sample.built.sizeBytes);
  });

  test('is published again without sending a layer twice', async () => {
    await using proxy = await startLyingRegistry(sample.address);

    await registry.push({ layout: sample.built.layout, reference: `${proxy.address}/sample`, version: '2.0.0' });

    expect(proxy.requests().filter((line) => line.startsWith('POST'))).toEqual([]);
  });

  test('gets the tag that the reference names, and a version’s + becomes an underscore', async () => {
    const push = { layout: sample.built.layout, version: '2.0.0+build.1' };

    const named = await registry.push({ ...push, reference: `${sample.address}/named:stable` });
    const versioned = await registry.push({ ...push, reference: `${sample.address}/named` });

    expect([named.tag, versioned.tag]).toEqual(['stable', '2.0.0_build.1']);
  });

  test('is pulled and run by a Docker Engine', async () => {
    await using started = await startEngine();
    const engine = createEngine(started.access, 'host-1');

    const pulled = await engine.pullImage({ reference: sample.reference, byteLimit: 200_000_000, deadlineMs: 120_000 });
    const ran = await engine.runJob({
      name: 'download',
      image: sample.reference,
      binds: [],
      env: {},
      labels: {},
      command: ['download', 'for-real'],
      networkMode: 'none',
      deadlineMs: 120_000,
    });

    expect(pulled).toEqual({ outcome: 'pulled' });
    expect(ran).toMatchObject({ outcome: 'exited', exitCode: 0, lines: ['["download","for-real"]'] });
  });
});

describe('an image that is no release', () => {
  const labels = { 'dev.refit.name': 'sample', 'dev.refit.version': '1.0.0', 'dev.refit.contents': sha256('other') };

  test.each([
    ['has no release layer', 'no layer is annotated', { layer: 'other', bytes: gzipSync(''), labels }],
    ['has no labels', 'it has no label', { layer: 'release', bytes: gzipSync(''), labels: {} }],
    [
      'has a label that is no digest',

      'is no digest',
      { layer: 'release', bytes: gzipSync(''), labels: { 'dev.refit.contents': 'x' } },
    ],
    [
      'has a layer that is no archive',

      'can not be unpacked',
      { layer: 'release', bytes: Buffer.from('no gzip'), labels },
    ],
    [
      'has a layer without release.json',

      'holds no release.json',
      { layer: 'release', bytes: gzipSync(Buffer.alloc(1024)), labels },
    ],
    ['unfolds without end', 'can not be unpacked', { layer: 'release', bytes: bomb(), labels }],
  ] as const)('is refused when it %s', async (_what, message, image) => {
    const name = await publish(image);

    const failure = await failureOf(registry.readRelease(name));

    expect(failure.kind).toBe('notRelease');
    expect(failure.message).toContain(message);
  });

  test('is refused when its label vouches for another release.json', async () => {
    const layer = sample.layerNamed('release');
    const file = join(sample.built.layout, 'blobs', 'sha256', digestHex(layer.digest));

    const failure = await failureOf(registry.readRelease(await publish({ layer: 'release', file, labels })));

    expect(failure.kind).toBe('mismatch');
    expect(failure.message).toContain(`expected release.json ${sha256('other')}, got ${sample.built.contents}`);
  });

  test('is refused when its labels name another release', async () => {
    const file = join(sample.built.layout, 'blobs', 'sha256', digestHex(sample.layerNamed('release').digest));
    const others = { ...labels, 'dev.refit.contents': sample.built.contents };

    const failure = await failureOf(registry.readRelease(await publish({ layer: 'release', file, labels: others })));

    expect(failure.message).toContain('expected the release sample 1.0.0 of its labels, got sample 2.0.0');
  });
});

describe('publishing', () => {
  test('a layout that was damaged since it was built is refused before its tag is written', async () => {
    await using copy = await smallRelease('3.0.0');
    const { layout, layers } = await buildRelease({
      folder: copy.path,
      agent: smallAgent,
      output: join(copy.path, 'image'),
    });
    await writeFile(join(layout, 'blobs', 'sha256', digestHex(layers[3]?.digest ?? sample.built.digest)), 'damaged');
    const push = { layout, reference: `${sample.address}/damaged`, version: '3.0.0' };

    await expect(registry.push(push)).rejects.toThrow(/is damaged: expected a blob .*; build the release again/);

    expect(await registry.exists(`${sample.address}/damaged:3.0.0`)).toBe(false);
  });

  test('to a digest is refused', async () => {
    const push = { layout: sample.built.layout, reference: sample.reference, version: '2.0.0' };

    expect(await failureOf(registry.push(push))).toMatchObject({ kind: 'refused' });
  });
});

/** 300 kB that unfold to 300 MB. */
function bomb(): Buffer {
  return gzipSync(Buffer.alloc(300 * 1024 ** 2), { level: 1 });
}

type CraftedImage = {
  readonly layer: string;
  readonly bytes?: Buffer;
  readonly file?: string;
  readonly labels: Readonly<Record<string, string>>;
};

/** Publishes an image as somebody else might make it. */
async function publish({ layer, bytes, file, labels }: CraftedImage): Promise<string> {
  await using work = await folderWith({ blob: bytes ?? '' });
  const source = file ?? join(work.path, 'blob');
  const content = await readFile(source);
  const digest = sha256(content);
  const crafted: Layer = { name: layer, digest, diffId: digest, sizeBytes: content.length, file: source };
  const { layout } = await buildImage({ layers: [crafted], entrypoint: ['/x'], labels }, join(work.path, 'image'));
  const name = `${sample.address}/crafted`;
  return (await registry.push({ layout, reference: name, version: '1.0.0' })).reference;
}
