import { loadFleet, nearestFleetFile } from '../../drivers/fleet-file.ts';
import { createRegistry, type Publisher } from '../../drivers/registry.ts';
import { DocumentProblems } from '../../drivers/yaml-document.ts';
import { RegistryError } from '../../model/registry.ts';
import { exitCodes, fail } from './exit.ts';

/** With the fleet file's registries; an image can be made and published without a fleet, too. */
export function openRegistry(): Publisher {
  const file = nearestFleetFile();
  return createRegistry(file === null ? {} : loadFleet(file).registries);
}

/** What was wrong with the input, or which service did not answer, as the exit code. */
export async function settled(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof DocumentProblems) fail(exitCodes.wrongInput, error.message, { cause: error });
    if (!(error instanceof RegistryError)) throw error;
    fail(error.kind === 'unreachable' ? exitCodes.unreachable : exitCodes.wrongInput, error.message, { cause: error });
  }
}
