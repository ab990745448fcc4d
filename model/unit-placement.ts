import type { FleetHost } from './fleet.ts';
import type { HostId, ServiceId } from './ids.ts';
import { unitContainerName, type Slot, type SlotOrShared, type UnitRelease, type UnitService } from './unit.ts';
import type { PlannedMember } from './unit-upgrade.ts';

export type PlaceableHost = Pick<FleetHost, 'name' | 'labels'>;
type Unit = Pick<UnitRelease, 'name' | 'services' | 'addOns'>;

/** `short`: services for which there are not enough hosts, in words. */
export type Placement = { readonly members: readonly PlannedMember[]; readonly short: readonly string[] };

/**
 * Where a slot's members go. Pure: the same unit and hosts give the same places.
 *
 * 1. A service's members go to hosts with all of its labels, in the fleet's order: one each, then a second one each, and so
 *    on up to `perHost`.
 * 2. Shared services are placed as the others are; who has them already leaves them out.
 * 3. Every host that got a member which is not shared gets one of each add-on.
 */
export function placeUnit(unit: Unit, slot: Slot, hosts: readonly PlaceableHost[]): Placement {
  const levels = levelsOf(unit.services);
  const placed = unit.services.map((service) => placeService(unit, { service, slot, hosts, levels }));
  const members = placed.flatMap((one) => one.members);
  return { members: [...members, ...placeAddOns(unit, slot, members)], short: placed.flatMap(({ short }) => short) };
}

/** Services that a service rests on are of a lower level; a cycle was refused when the release was built. */
export function levelsOf(services: readonly UnitService[]): ReadonlyMap<ServiceId, number> {
  const levels = new Map<ServiceId, number>();
  const visit = (service: UnitService, above: readonly ServiceId[]): number => {
    const known = levels.get(service.name);
    if (known !== undefined) return known;
    const below = services.filter(({ name }) => service.dependsOn.includes(name) && !above.includes(name));
    const level = Math.max(-1, ...below.map((one) => visit(one, [...above, service.name]))) + 1;
    levels.set(service.name, level);
    return level;
  };
  for (const service of services) visit(service, []);
  return levels;
}

type Placing = {
  readonly service: UnitService;
  readonly slot: Slot;
  readonly hosts: readonly PlaceableHost[];
  readonly levels: ReadonlyMap<ServiceId, number>;
};

function placeService({ name: unit }: Unit, { service, slot, hosts, levels }: Placing): Placement {
  const { name, members: wanted, placement, shared } = service;
  const able = hosts.filter(({ labels }) => carries(labels, placement.labels)).map((host) => host.name);
  const places = Array.from({ length: placement.perHost }, () => able)
    .flat()
    .slice(0, wanted);
  const of: SlotOrShared = shared ? 'shared' : slot;
  const members = places.map((host, index): PlannedMember => {
    const ordinal = index + 1;
    const container = unitContainerName(unit, { slot: of, service: name, ordinal });
    const kind = shared ? 'shared' : 'service';
    return { host, container, service: name, kind, ordinal, level: levels.get(name) ?? 0 };
  });
  return { members, short: places.length < wanted ? [shortage(service, able)] : [] };
}

function placeAddOns(
  { name: unit, addOns }: Unit,
  slot: Slot,
  members: readonly PlannedMember[],
): readonly PlannedMember[] {
  const hosts = [...new Set(members.filter(({ kind }) => kind === 'service').map(({ host }) => host))];
  return addOns.flatMap(({ name }) =>
    hosts.map((host, index): PlannedMember => {
      const ordinal = index + 1;
      const container = unitContainerName(unit, { slot, service: name, ordinal });
      return { host, container, service: name, kind: 'addOn', ordinal, level: 0 };
    }),
  );
}

const carries = (labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value);

function shortage({ name, members, placement: { labels, perHost } }: UnitService, able: readonly HostId[]): string {
  const labelled = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const where = labelled.length === 0 ? 'of the fleet' : `labelled ${labelled.join(' and ')}`;
  const has = able.length === 0 ? 'there is none' : `there are ${able.length}: ${able.join(', ')}`;
  return `service ${name} wants ${members} members, at most ${perHost} a host, on hosts ${where}; ${has}`;
}
