import { createRegistry } from '../../drivers/registry.ts';
import type { Fleet } from '../../model/fleet.ts';
import type { ReadRelease } from '../../model/registry.ts';
import { isForFleet, releaseLabel } from '../../model/release.ts';
import { exitCodes, fail } from './exit.ts';
import { askRegistry } from './open-image.ts';

/** Reads the release that a reference names; what can't be read or isn't for this fleet ends the command. */
export async function openRelease(fleet: Fleet, reference: string): Promise<ReadRelease> {
  const read = await askRegistry(() => createRegistry(fleet.registries).readRelease(reference));
  if (!isForFleet(read.release, fleet.fleet)) {
    const label = releaseLabel(read.release);
    fail(exitCodes.wrongInput, `${label} is for the fleets ${read.release.fleets.join(', ')}, not for ${fleet.fleet}`);
  }
  return read;
}
