import { appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../drivers/oci/blob.ts';
import { cachedLayer, layerCacheFolder } from '../../drivers/oci/layer-cache.ts';
import { createLayer, type Layer } from '../../drivers/oci/layer.ts';
import type { TarFile } from '../../drivers/oci/tar.ts';
import { folderWith } from './folder.ts';

const file = (path: string, text: string): TarFile => ({
  path,
  executable: false,
  source: { type: 'bytes', bytes: Buffer.from(text) },
});

describe('the cache of layers', () => {
  test('gives a layer that was made earlier without packing it again', async () => {
    await using folder = await folderWith({});
    const made = await cached(folder.path, 'first');

    const found = await cached(folder.path, 'second, which is not looked at');

    expect(found).toEqual(made);
    expect(await readdir(folder.path)).toHaveLength(2);
  });

  test.each([
    ['a byte is changed', (layer: Layer) => appendFile(layer.file, 'x')],
    ['the layer is gone', (layer: Layer) => rm(layer.file)],
    ['its record is torn', (_layer: Layer, folder: string) => tearRecord(folder)],
  ])('makes the layer anew when %s', async (_what, harm) => {
    await using folder = await folderWith({});
    const made = await cached(folder.path, 'text');
    await harm(made, folder.path);

    expect(await cached(folder.path, 'text')).toEqual(made);
  });

  test('lies where the environment says', () => {
    expect(layerCacheFolder({ REFIT_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a/layers');
    expect(layerCacheFolder({ REFIT_CACHE: '', XDG_CACHE_HOME: '/b' })).toBe('/b/refit/layers');
    expect(layerCacheFolder({})).toMatch(/\/\.cache\/refit\/layers$/);
  });
});

describe('a layer', () => {
  test('is the same in whatever order its files are named', async () => {
    await using folder = await folderWith({});
    const files = [file('/b/c', '1'), file('/a', '2'), file('/b/a', '3')];

    const one = await createLayer('x', { files }, folder.path);
    const other = await createLayer('x', { files: files.toReversed() }, folder.path);

    expect(other.digest).toBe(one.digest);
  });

  test('is not made of a file that changed after it was digested', async () => {
    await using folder = await folderWith({ data: 'before' });
    const source = { type: 'file', file: join(folder.path, 'data'), sizeBytes: 6, sha256: 'f'.repeat(64) } as const;
    const contents = { files: [{ path: '/data', executable: false, source }] };

    await expect(createLayer('x', contents, folder.path)).rejects.toThrow('changed while the image was built');

    expect(await readdir(folder.path)).toEqual(['data']);
  });

  test('is not made of a file that shrank meanwhile', async () => {
    await using folder = await folderWith({ data: 'before' });
    const source = { type: 'file', file: join(folder.path, 'data'), sizeBytes: 600, sha256: null } as const;

    await expect(
      createLayer('x', { files: [{ path: '/data', executable: false, source }] }, folder.path),
    ).rejects.toThrow();
  });

  test('holds names that are long or not ASCII', async () => {
    await using folder = await folderWith({});
    const path = `/${'long/'.repeat(60)}ü`;

    const layer = await createLayer('x', { files: [file(path, 'text')] }, folder.path);

    expect(layer.sizeBytes).toBeGreaterThan(0);
  });
});

const cached = (folder: string, text: string): Promise<Layer> =>
  cachedLayer({ name: 'x', key: sha256('key'), contents: { files: [file('/a', text)] }, folder });

async function tearRecord(folder: string): Promise<void> {
  const [record = ''] = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  await writeFile(join(folder, record), '{"digest":');
}
