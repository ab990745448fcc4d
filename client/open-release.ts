import type { ReadRelease } from '../model/registry.ts';
import { isForFleet, releaseLabel } from '../model/release.ts';
import { WrongInput, type FleetClient } from './fleet-client.ts';

/** Reads the release that a reference names. Throws WrongInput when it can't be had, or isn't for this fleet. */
export async function openRelease(
  client: Pick<FleetClient, 'fleet' | 'readRelease'>,
  reference: string,
  field = 'reference',
): Promise<ReadRelease> {
  const read = await client.readRelease(reference);
  const { release } = read;
  if (isForFleet(release, client.fleet)) return read;
  const fleets = release.fleets.join(', ');
  throw new WrongInput(field, `${releaseLabel(release)} is for the fleets ${fleets}, not for ${client.fleet}`);
}
