import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { digestHex, parseDigest } from '../../../model/ids.ts';
import { buildImage, type BuiltImage } from '../../../drivers/oci/image.ts';
import { createLayer, type Layer } from '../../../drivers/oci/layer.ts';
import { readLayout } from '../../../drivers/oci/layout.ts';

const Config = z.object({
  config: z.object({
    Entrypoint: z.array(z.string()),
    Cmd: z.array(z.string()),
    Env: z.array(z.string()),
    Labels: z.record(z.string(), z.string()),
  }),
  rootfs: z.object({ diff_ids: z.array(z.string().transform(parseDigest)) }),
});

/** The same upgrader as another build: one layer more, which adds files, or puts others in place of some. */
export async function variantOf(
  layout: string,
  files: Readonly<Record<string, string>>,
  folder: string,
): Promise<BuiltImage> {
  const { manifest } = await readLayout(layout);
  const blob = (digest: Layer['digest']): string => join(layout, 'blobs', 'sha256', digestHex(digest));
  const { config, rootfs } = Config.parse(JSON.parse(await readFile(blob(manifest.config.digest), 'utf8')));
  const layers = manifest.layers.map(({ digest, size }, index): Layer => {
    const diffId = rootfs.diff_ids[index];
    if (diffId === undefined) throw new Error(`${layout}: layer ${index} has no entry in its configuration`);
    return { name: `layer-${index}`, digest, diffId, sizeBytes: size, file: blob(digest) };
  });
  const added = Object.entries(files).map(([path, text]) => ({
    ...{ path, executable: false },
    source: { type: 'bytes' as const, bytes: Buffer.from(text) },
  }));
  const env = Object.fromEntries(
    config.Env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  return buildImage(
    {
      layers: [...layers, await createLayer('variant', { files: added }, folder)],
      ...{ entrypoint: config.Entrypoint, command: config.Cmd, env, labels: config.Labels },
    },
    join(folder, 'image'),
  );
}
