import type { Fleet } from '../model/fleet.ts';
import type { UnitId } from '../model/ids.ts';
import type { ReadRelease } from '../model/registry.ts';
import { imageReference, releaseLabel } from '../model/release.ts';
import type { UnitRelease } from '../model/unit.ts';
import { WrongInput } from './fleet-client.ts';
import type { FleetRegistry } from './fleet-registry.ts';
import { unknownUnit } from './known-names.ts';
import { unitFleetLines } from './unit-fleet-lines.ts';
import type { UnitRequest } from './units.ts';

/** The unit as the release has it. Throws WrongInput when it has none of that name. */
export function unitOfRelease({ release }: Pick<ReadRelease, 'release'>, unit: UnitId): UnitRelease {
  const found = release.units.find(({ name }) => name === unit);
  if (found !== undefined) return found;
  const names = release.units.map(({ name }) => name).join(', ');
  const has = names === '' ? 'it has none' : `its units: ${names}`;
  throw new WrongInput('unit', `${releaseLabel(release)} has no unit ${unit}; ${has}; nothing was changed`);
}

/** Throws WrongInput when the fleet file lacks the unit; for an upgrade with what to add to it, as its release says. */
export async function assertUnitOfFleet(
  fleet: Fleet,
  { unit, action }: UnitRequest,
  registry: FleetRegistry,
): Promise<void> {
  const units = fleet.units.map(({ name }) => name);
  if (units.includes(unit)) return;
  if (action.action === 'deleteStandby') throw unknownUnit(fleet.fleet, units, unit);
  const read = await registry.readRelease(imageReference(action.release), 'reference');
  refuseUnknownUnit(fleet, unitOfRelease(read, unit));
}

/** What is the site's own, no release can say. */
export function refuseUnknownUnit(fleet: Pick<Fleet, 'fleet' | 'units' | 'loadBalancers'>, unit: UnitRelease): void {
  if (fleet.units.some(({ name }) => name === unit.name)) return;
  const head = `the fleet file of ${fleet.fleet} has no unit ${unit.name}; nothing was changed; add to it, with the site’s own values:`;
  throw new WrongInput('unit', [head, ...unitFleetLines(unit, fleet)].join('\n'));
}
