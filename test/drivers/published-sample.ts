import { join } from 'node:path';
import type { Layer } from '../../drivers/oci/layer.ts';
import { createRegistry } from '../../drivers/registry.ts';
import { buildRelease, type BuiltRelease } from '../../drivers/release/build.ts';
import { RegistryError } from '../../model/registry.ts';
import { startRegistry } from '../parts/registry.ts';
import { smallAgent, smallRelease } from '../release/folder.ts';

/** A real registry with one release in it. */
export type PublishedSample = AsyncDisposable & {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly built: BuiltRelease;
  /** By digest; its tag is 2.0.0. */
  readonly reference: string;
  readonly layerNamed: (name: string) => Pick<Layer, 'name' | 'digest' | 'sizeBytes'>;
};

export async function publishSample(): Promise<PublishedSample> {
  const real = await startRegistry();
  const folder = await smallRelease('2.0.0');
  const built = await buildRelease({ folder: folder.path, agent: smallAgent, output: join(folder.path, 'image') });
  const push = { layout: built.layout, reference: `${real.address}/sample`, version: '2.0.0' };
  const { reference } = await createRegistry({}).push(push);
  return {
    address: real.address,
    built,
    reference,
    layerNamed(name) {
      const layer = built.layers.find((each) => each.name === name);
      if (layer === undefined) throw new Error(`expected a layer ${name}`);
      return layer;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await real.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The RegistryError that a call ends with. */
export async function failureOf(promise: Promise<unknown>): Promise<RegistryError> {
  const error: unknown = await promise.then(
    () => new Error('expected a failure, got none'),
    (reason: unknown) => reason,
  );
  if (error instanceof RegistryError) return error;
  throw error;
}
