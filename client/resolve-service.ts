import { serviceOf, type Fleet } from '../model/fleet.ts';
import { releaseLabel } from '../model/release.ts';
import type { ServiceInRelease } from '../model/service.ts';
import { WrongInput } from './fleet-client.ts';
import type { FleetRegistry } from './fleet-registry.ts';
import { openRelease } from './open-release.ts';
import type { ServiceRequest } from './services.ts';
import type { ResolvedService } from './start-service.ts';

/** What a service's upgrade means now: its members, its image by digest. Throws WrongInput for what can't be. */
export async function resolveService(
  fleet: Fleet,
  { service, release, ...request }: ServiceRequest,
  registry: FleetRegistry,
): Promise<ResolvedService> {
  const image = await registry.resolve(request.image, 'image');
  const naming = { fleet, registry, service, image: request.image, digest: image.digest };
  return {
    ...{ ...request, ...image, service: serviceOf(fleet, service) },
    release: release === null ? null : await releaseNaming(release, naming),
  };
}

type Naming = Pick<ServiceRequest, 'service' | 'image'> &
  Pick<ResolvedService, 'digest'> & { readonly fleet: Fleet; readonly registry: FleetRegistry };

/** Agents obey only what a release says that they have on their own disks. */
async function releaseNaming(
  reference: string,
  { fleet, registry, service, image, digest }: Naming,
): Promise<ServiceInRelease> {
  const reader = { fleet: fleet.fleet, readRelease: (text: string) => registry.readRelease(text, 'release') };
  const { ref, release } = await openRelease(reader, reference, 'release');
  const label = releaseLabel(ref);
  const named = release.services.find(({ name }) => name === service);
  if (named === undefined) throw new WrongInput('release', `${label} has no service ${service}; nothing was changed`);
  if (!named.image.endsWith(`@${digest}`)) {
    const text = `${label} names ${named.image} for service ${service}, not ${image} (${digest})`;
    throw new WrongInput('release', `${text}; nothing was changed`);
  }
  return { release: ref, fence: null };
}
