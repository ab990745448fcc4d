import { parseReference } from '../drivers/oci/reference.ts';
import { createRegistry } from '../drivers/registry.ts';
import type { Fleet } from '../model/fleet.ts';
import type { ReadRelease } from '../model/registry.ts';
import { askRegistry } from './ask-registry.ts';
import { WrongInput } from './fleet-client.ts';
import type { ResolvedService } from './start-service.ts';

/** named: those of the fleet file · any: every registry, at its own name. */
export type AllowedRegistries = 'named' | 'any';

/** What a fleet's client reads of registries. `field`: what of the input named the image, should it be wrong. */
export type FleetRegistry = {
  readonly readRelease: (reference: string, field: string) => Promise<ReadRelease>;
  readonly resolve: (image: string, field: string) => Promise<Pick<ResolvedService, 'reference' | 'digest'>>;
};

export function openFleetRegistry({ registries }: Fleet, allowed: AllowedRegistries): FleetRegistry {
  const registry = createRegistry(registries);
  const known = allowed === 'any' ? null : Object.keys(registries);
  const ask = async <Result>(image: string, field: string, read: () => Promise<Result>): Promise<Result> => {
    if (known !== null) assertNamed(image, field, known);
    return askRegistry(field, read);
  };
  return {
    readRelease: (reference, field) => ask(reference, field, () => registry.readRelease(reference)),
    resolve: async (image, field) => {
      const { repository, digest } = await ask(image, field, () => registry.resolve(image));
      return { reference: `${repository}@${digest}`, digest };
    },
  };
}

/** Whoever may ask the API must not make the platform speak to any host that they like. */
function assertNamed(image: string, field: string, known: readonly string[]): void {
  const registry = registryOf(image);
  // What can't be read as a reference is refused with its own words.
  if (registry === null || known.includes(registry)) return;
  const names = known.join(', ') || 'none';
  throw new WrongInput(
    field,
    `the fleet file names no registry ${registry}; it names: ${names}; add it there to allow it; nothing was changed`,
  );
}

function registryOf(image: string): string | null {
  try {
    return parseReference(image).registry;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
