import type { ContainerState, Engine } from '../model/engine.ts';
import { serviceOf } from '../model/fleet.ts';
import type { FleetId, HostId, ServiceId, UpgradeId } from '../model/ids.ts';
import { SERVICE_LABEL, type Service } from '../model/service.ts';
import { wrongInput } from './failure.ts';
import { readHostMembers } from './host-members.ts';
import { engineOf, ownFleet } from './own-fleet.ts';
import type { Ports } from './ports.ts';
import { readMembers } from './read-members.ts';

type PlacePorts = Pick<Ports, 'engine' | 'loadFleet'>;
type Wanted = { readonly fleet: FleetId; readonly upgrade: UpgradeId; readonly beside: ServiceId };

/** Beside what a migration runs: on that host, in the network of the service's first container there. */
export type MigrationPlace = {
  readonly host: HostId;
  readonly engine: Engine;
  readonly service: Service;
  readonly upgrade: UpgradeId;
};

/** Hosts with a member, at least one, in the order of the fleet file; those where one runs come first. */
export async function findHosts(ports: PlacePorts, wanted: Wanted, signal: AbortSignal): Promise<readonly HostId[]> {
  const { fleet: name, upgrade, beside } = wanted;
  const fleet = ownFleet(ports, name);
  const service = serviceOf(fleet, beside);
  const hosts = fleet.hosts.map((host) => host.name);
  const looked = { input: { fleet: name, upgrade, service }, hosts, progress: { read: 0 } };
  const { members, findings } = await readMembers(ports, looked, signal);
  if (members.length > 0) {
    return [...new Set([...members.filter(({ running }) => running), ...members].map(({ host }) => host))];
  }
  const [unseen] = findings;
  if (unseen !== undefined) throw new Error(`host ${unseen.host ?? name}: ${unseen.what}; ${unseen.remedy}`);
  throw wrongInput(
    `no host of fleet ${name} has a container of service ${beside} (${labelsOf(service)}), beside which it is to run; ` +
      `start one, or say in the fleet file which labels its containers carry (${SERVICE_LABEL} unless it says so)`,
  );
}

export function placeOn(ports: PlacePorts, { fleet, upgrade, beside }: Wanted, host: HostId): MigrationPlace {
  const service = serviceOf(ownFleet(ports, fleet), beside);
  return { host, service, upgrade, engine: engineOf(ports, { fleet, host }) };
}

/** The member as it is now: it may have been restarted, or replaced. null: there is none, or its engine does not say. */
export async function memberAt(place: MigrationPlace, signal: AbortSignal): Promise<ContainerState | null> {
  const { members } = await readHostMembers({ ...place, signal });
  const member = members.find(({ running }) => running) ?? members[0];
  return member === undefined ? null : place.engine.inspectContainer(member.container, signal);
}

const labelsOf = ({ selector }: Service): string =>
  Object.entries(selector)
    .map(([label, value]) => `${label}=${value}`)
    .join(', ');
