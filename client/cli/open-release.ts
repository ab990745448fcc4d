import { createRegistry } from '../../drivers/registry.ts';
import type { Fleet } from '../../model/fleet.ts';
import { RegistryError, type ReadRelease } from '../../model/registry.ts';
import { isForFleet, releaseLabel } from '../../model/release.ts';
import { exitCodes, fail } from './exit.ts';

/** Reads the release that a reference names; what can't be read or isn't for this fleet ends the command. */
export async function openRelease(fleet: Fleet, reference: string): Promise<ReadRelease> {
  const read = await readRelease(fleet, reference);
  if (!isForFleet(read.release, fleet.fleet)) {
    const label = releaseLabel(read.release);
    fail(exitCodes.wrongInput, `${label} is for the fleets ${read.release.fleets.join(', ')}, not for ${fleet.fleet}`);
  }
  return read;
}

async function readRelease(fleet: Fleet, reference: string): Promise<ReadRelease> {
  try {
    return await createRegistry(fleet.registries).readRelease(reference);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const exitCode = error.kind === 'unreachable' ? exitCodes.unreachable : exitCodes.wrongInput;
    fail(exitCode, `${error.message}; nothing was changed`, { cause: error });
  }
}
