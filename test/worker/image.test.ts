import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildUpgraderImage } from '../../client/upgrader-build.ts';
import type { BuiltImage } from '../../drivers/oci/image.ts';
import { ConfigSchema } from '../../drivers/oci/manifest.ts';
import { readLayout } from '../../drivers/oci/layout.ts';
import { digestHex } from '../../model/ids.ts';
import { withoutMachine } from '../../worker/image/source-map.ts';

/** Every host that carries the upgrader pulls it, once for each of its builds. */
const MOST_BYTES = 100_000_000;

describe('the upgrader’s image', () => {
  let folder = '';
  let first: BuiltImage;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refit-upgrader-image-'));
    first = await buildUpgraderImage(join(folder, 'first'));
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  test('is the same from the same sources', async () => {
    const second = await buildUpgraderImage(join(folder, 'second'));

    expect(second.digest).toBe(first.digest);
  });

  test('keeps what changes seldom in layers of their own, and is small', () => {
    expect(first.layers.map(({ name }) => name)).toEqual(['runtime', 'packages', 'upgrader']);
    expect(first.layers.at(-1)?.sizeBytes).toBeLessThan(5_000_000);
    expect(first.sizeBytes).toBeLessThan(MOST_BYTES);
  });

  test('names no machine in its configuration', async () => {
    const { manifest } = await readLayout(first.layout);
    const text = await readFile(join(first.layout, 'blobs', 'sha256', digestHex(manifest.config.digest)), 'utf8');

    expect(ConfigSchema.parse(JSON.parse(text)).os).toBe('linux');
    expect(text).not.toContain(process.cwd());
  });
});

describe('bundled workflow code', () => {
  const mark = '//# sourceMappingURL=data:application/json;charset=utf-8;base64,';
  const bundledIn = (root: string): string => {
    const map = { version: 3, file: `bundle-${root.length}.js`, sources: [`${root}/workflows/index.ts`, 'webpack/x'] };
    return `code();\n${mark}${Buffer.from(JSON.stringify(map)).toString('base64')}`;
  };

  test('is the same wherever the sources lie', () => {
    expect(withoutMachine(bundledIn('/srv/one'))).toBe(withoutMachine(bundledIn('/opt/another')));
  });

  test('keeps its code and the names of its sources', () => {
    const text = withoutMachine(bundledIn('/srv/one'));
    const map: unknown = JSON.parse(Buffer.from(text.split('base64,')[1] ?? '', 'base64').toString('utf8'));

    expect(text.startsWith('code();\n')).toBe(true);
    expect(map).toMatchObject({ sources: ['/refit/sources/workflows/index.ts', 'webpack/x'] });
  });
});
