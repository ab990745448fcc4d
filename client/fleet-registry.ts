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
  /** Of an image that hosts ask for themselves. Throws WrongInput when its registry is none of those allowed. */
  readonly assertAllowed: (image: string, field: string) => void;
};

export function openFleetRegistry({ registries }: Fleet, allowed: AllowedRegistries): FleetRegistry {
  const registry = createRegistry(registries);
  const known = allowed === 'any' ? null : Object.keys(registries);
  const assertAllowed = (image: string, field: string): void => {
    if (known !== null) assertNamed(image, field, known);
  };
  const ask = async <Result>(image: string, field: string, read: () => Promise<Result>): Promise<Result> => {
    assertAllowed(image, field);
    return askRegistry(field, read);
  };
  return {
    readRelease: (reference, field) => ask(reference, field, () => registry.readRelease(reference)),
    resolve: async (image, field) => {
      const { repository, digest } = await ask(image, field, () => registry.resolve(image));
      return { reference: `${repository}@${digest}`, digest };
    },
    assertAllowed,
  };
}

/** Whoever may ask the API must not make the platform speak to any host that they like. */
function assertNamed(image: string, field: string, known: readonly string[]): void {
  const registry = registryOf(image);
  if (registry === null || known.includes(registry)) return;
  const names = known.join(', ') || 'none';
  throw new WrongInput(
    field,
    `the fleet file names no registry ${registry}; it names: ${names}; add it there to allow it; nothing was changed`,
  );
}

/** Whatever an engine would take for a registry, be the rest a reference or not; null: a name that only a host may know. */
function registryOf(image: string): string | null {
  const [first = '', ...rest] = image.split('/');
  return rest.length > 0 && /[.:]|^localhost$/i.test(first) ? first : null;
}
