import type { Fleet, FleetUnit } from '../model/fleet.ts';
import { releaseLabel, type ReleaseRef } from '../model/release.ts';
import type { BalancedUnit, SlotBalancer } from '../model/slot-balancer.ts';
import type { UnitSite } from '../model/unit-site.ts';
import type { UnitRelease } from '../model/unit.ts';
import type { UnitPlan } from '../model/unit-upgrade.ts';
import { wrongInput } from './failure.ts';
import { readRelease } from './load-service.ts';
import { ownFleet } from './own-fleet.ts';
import type { Ports } from './ports.ts';
import type { ReleaseCache } from './release-cache.ts';
import type { UnitInput } from './unit-activities.ts';

export type UnitPorts = Pick<
  Ports,
  'engine' | 'loadFleet' | 'slotBalancer' | 'readUnitFile' | 'registry' | 'registryAuth' | 'clock' | 'bus' | 'values'
> & { readonly releases: ReleaseCache };

/** A unit as its release has it, and as the fleet file has it now. */
export type OpenedUnit = {
  readonly fleet: Fleet;
  readonly unit: UnitRelease;
  readonly release: ReleaseRef;
  readonly fleetUnit: FleetUnit;
};

type Place = UnitInput & { readonly release: ReleaseRef };

/** Throws wrong input when the release, or the fleet file, has no such unit. */
export async function openUnit(ports: UnitPorts, place: Place): Promise<OpenedUnit> {
  const fleet = ownFleet(ports, place.fleet);
  const { release } = await readRelease(ports.releases, place.release);
  const unit = release.units.find(({ name }) => name === place.unit);
  if (unit === undefined) throw wrongInput(`${releaseLabel(place.release)} has no unit ${place.unit}`);
  return { fleet, unit, release: place.release, fleetUnit: fleetUnitOf(fleet, place) };
}

/** What a unit's containers are made from. */
export const siteOf = (
  { fleet, unit, release }: OpenedUnit,
  plan: Pick<UnitPlan, 'to' | 'members' | 'present'>,
): UnitSite => ({
  ...{ unit, plan, version: release.version },
  addresses: new Map(fleet.hosts.flatMap(({ name, address }) => (address === null ? [] : [[name, address] as const]))),
});

export function fleetUnitOf(fleet: Fleet, { unit }: Pick<UnitInput, 'unit'>): FleetUnit {
  const found = fleet.units.find(({ name }) => name === unit);
  if (found !== undefined) return found;
  const names = fleet.units.map(({ name }) => name).join(', ') || 'none';
  throw wrongInput(`the fleet file has no unit ${unit} (it has ${names}); name it under units, with its load balancer`);
}

/** Its load balancer, and how that is told of it; null: the fleet file names none. */
export function balancerOf(
  ports: Pick<UnitPorts, 'slotBalancer' | 'loadFleet'>,
  place: Pick<UnitInput, 'fleet' | 'unit'>,
): { readonly slots: SlotBalancer; readonly balanced: BalancedUnit } | null {
  const { name, balancer } = fleetUnitOf(ownFleet(ports, place.fleet), place);
  if (balancer === null) return null;
  return { slots: ports.slotBalancer(balancer.loadBalancer), balanced: { unit: name, balancer } };
}

/** As `balancerOf`, where preflight has seen that there is one. */
export function needBalancer(
  ports: Pick<UnitPorts, 'slotBalancer' | 'loadFleet'>,
  place: Pick<UnitInput, 'fleet' | 'unit'>,
): { readonly slots: SlotBalancer; readonly balanced: BalancedUnit } {
  const found = balancerOf(ports, place);
  if (found !== null) return found;
  throw wrongInput(`unit ${place.unit} has no balancer in the fleet file: nothing can send requests to a slot of it`);
}
