import { execa } from 'execa';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { BuiltImage } from '../drivers/oci/image.ts';
import type { Published, Publisher } from '../drivers/registry.ts';
import { checkout } from '../lab/paths.ts';
import { parseDigest } from '../model/ids.ts';

/** It bundles everything, and packs Node.js the first time; on a busy machine a minute; ms. */
const BUILD_DEADLINE_MS = 10 * 60_000;

const digest = z.string().transform(parseDigest);
const Built = z.object({
  digest,
  layout: z.string(),
  sizeBytes: z.number(),
  layers: z.array(z.object({ name: z.string(), digest, sizeBytes: z.number() })),
});

/** Builds the upgrader's image of this checkout in a process of its own: what bundles workflows is the worker's. */
export async function buildUpgraderImage(layout: string = join('.refit', 'upgrader')): Promise<BuiltImage> {
  const main = join(checkout, 'worker', 'image', 'main.ts');
  // By its path: a bare name would be looked for in the working folder, which is seldom the checkout.
  const args = ['--import', import.meta.resolve('tsx'), main, resolve(layout)];
  const { stdout, stderr, exitCode } = await execa(process.execPath, args, {
    reject: false,
    timeout: BUILD_DEADLINE_MS,
  });
  if (exitCode !== 0) throw new Error(`the upgrader's image could not be built: ${stderr.trim()}`);
  return Built.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}

/** The first twelve digits of its digest are the tag, where the reference has none: they are the build's name as well. */
export const pushUpgrader = async (
  registry: Publisher,
  reference: string,
  { layout, digest: built }: BuiltImage,
): Promise<Published> =>
  registry.push({ layout, reference, version: built.slice('sha256:'.length, 'sha256:'.length + 12) });
