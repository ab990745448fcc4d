import type { FleetReading } from '../model/preflight.ts';
import { RegistryError } from '../model/registry.ts';
import { inParallel } from './parallel.ts';
import type { Ports } from './ports.ts';

/** Images that registries are asked about at the same time. */
const MAX_PARALLEL = 16;

/** Those of the images that no registry has, or that could not be asked for. */
export async function findMissingImages(
  { registry }: Pick<Ports, 'registry'>,
  images: readonly string[],
  signal: AbortSignal,
): Promise<FleetReading['missingImages']> {
  const found = await inParallel(images, MAX_PARALLEL, async (image) => {
    try {
      return (await registry.exists(image, signal)) ? [] : [{ image, problem: 'its registry does not have it' }];
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RegistryError) return [{ image, problem: error.message }];
      throw error;
    }
  });
  return found.flat();
}

/** By image, bytes; null where its registry does not say: no plan fails for a number that people read. */
export async function findImageSizes(
  { registry }: Pick<Ports, 'registry'>,
  images: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number | null>> {
  const sizes = await inParallel(images, MAX_PARALLEL, async (image) => {
    const sizeBytes = await registry.sizeOf(image, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      if (error instanceof RegistryError) return null;
      throw error;
    });
    return [image, sizeBytes] as const;
  });
  return new Map(sizes);
}
