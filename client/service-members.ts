import type { ContainerSummary } from '../model/engine.ts';
import type { Fleet } from '../model/fleet.ts';
import type { HostId } from '../model/ids.ts';
import { standInOf } from '../model/replacement.ts';
import type { Member, Service } from '../model/service.ts';
import { readContainers } from './labelled-containers.ts';

export type SeenMember = Omit<Member, 'server' | 'id'>;
/** What one host's engine shows of a service, or why it doesn't. */
export type HostMembers = readonly SeenMember[] | { readonly problem: string };

/** A service's members on every host, in the fleet's order. */
export async function readMembers(fleet: Fleet, { selector }: Service): Promise<readonly HostMembers[]> {
  const hosts = await readContainers(fleet, selector);
  return hosts.map((seen) => ('problem' in seen ? seen : membersAmong(seen.host, seen.containers)));
}

/** A member in the middle of its upgrade has several containers: the one that runs is the one that serves. Pure. */
export function membersAmong(host: HostId, containers: readonly ContainerSummary[]): readonly SeenMember[] {
  const names = [...new Set(containers.map(({ name }) => standInOf(name)?.container ?? name))].sort();
  return names.flatMap((container) => {
    const inPlace = containers.find(({ name }) => name === container);
    const others = containers.filter(({ name }) => isInTheWorks(name, container));
    const found = [inPlace, ...others].find((each) => each?.running) ?? inPlace ?? others[0];
    return found === undefined ? [] : [{ host, container, ...pick(found) }];
  });
}

/** A container that is only kept for a way back is no member any more. */
function isInTheWorks(name: string, container: string): boolean {
  const standIn = standInOf(name);
  return standIn !== null && standIn.container === container && standIn.as !== 'kept';
}

const pick = ({ running, image, imageId }: ContainerSummary): Omit<SeenMember, 'host' | 'container'> => ({
  ...{ running, image, imageId },
});
