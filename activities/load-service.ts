import { cancellationSignal } from '@temporalio/activity';
import { serviceOf } from '../model/fleet.ts';
import { parseDigest } from '../model/ids.ts';
import { RegistryError, type ReadRelease } from '../model/registry.ts';
import { releaseLabel, type ReleaseRef } from '../model/release.ts';
import type { Activities } from './activities.ts';
import { wrongInput } from './failure.ts';
import { ownFleet } from './own-fleet.ts';
import type { PlanStore } from './plan-store.ts';
import type { Ports } from './ports.ts';
import type { ReleaseCache } from './release-cache.ts';

/** Idempotent: reads. */
export function createLoadServices(plans: PlanStore): Activities['loadServices'] {
  return async (place) => {
    const { hop } = await plans.load(place);
    return { services: hop.services.map(({ name, image }) => ({ name, image })) };
  };
}

/** Idempotent: reads the release, once a worker, and the fleet file as it is now. */
export function createLoadService(
  ports: Pick<Ports, 'loadFleet'> & { readonly releases: ReleaseCache },
): Activities['loadService'] {
  return async ({ fleet, release: ref, name }) => {
    const { release } = await readRelease(ports.releases, ref);
    const found = release.services.find((service) => service.name === name);
    if (found === undefined) throw wrongInput(`${releaseLabel(ref)} has no service ${name}`);
    const { image, settings, strategy, mode, minAvailable, health, drainMs } = found;
    return {
      service: serviceOf(ownFleet(ports, fleet), name),
      image,
      reference: image,
      digest: parseDigest(image.slice(image.lastIndexOf('@') + 1)),
      settings,
      policy: { strategy, mode, minAvailable, health, drainMs },
    };
  };
}

/** A registry that can't be reached is waited for; what it answers otherwise no retry mends. */
export async function readRelease(releases: ReleaseCache, ref: ReleaseRef): Promise<ReadRelease> {
  try {
    return await releases.read(ref, cancellationSignal());
  } catch (error) {
    if (!(error instanceof RegistryError) || error.kind === 'unreachable') throw error;
    throw wrongInput(error.message, error);
  }
}
