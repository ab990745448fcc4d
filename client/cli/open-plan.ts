import { readFileSync } from 'node:fs';
import { DocumentProblems } from '../../drivers/yaml-document.ts';
import type { Fleet } from '../../model/fleet.ts';
import { releaseLabel } from '../../model/release.ts';
import { planChanges } from '../plan-changes.ts';
import { planUpgrade } from '../plan-upgrade.ts';
import { parseSavedPlan } from '../saved-plan.ts';
import type { SavedPlan } from '../saved-plan-schema.ts';
import type { StartRequest } from '../upgrades.ts';
import { exitCodes, fail } from './exit.ts';
import { askRegistry } from './open-image.ts';
import { openRelease } from './open-release.ts';

/** A plan from a file; one that is none ends the command, with the line and the field. */
export function readPlan(file: string): SavedPlan {
  try {
    return parseSavedPlan(file, readFileSync(file, 'utf8'));
  } catch (error) {
    const isOurs = error instanceof DocumentProblems || (error instanceof Error && 'code' in error);
    if (!isOurs) throw error;
    const next = 'make a plan with: refit plan REFERENCE --save FILE';
    fail(exitCodes.wrongInput, `${error.message}\n${next}; nothing was started`, { cause: error });
  }
}

/** What starts exactly the saved plan. Plans again: where that comes to anything else, the command ends and says what. */
export async function requestOfPlan(fleet: Fleet, saved: SavedPlan): Promise<Omit<StartRequest, 'requestedBy'>> {
  const { reference, policy, tree } = saved;
  const read = await openRelease(fleet, reference);
  const planned = await askRegistry(() => planUpgrade({ fleet, read, policy }));
  const changes = planChanges(saved, planned);
  if (changes.length > 0) {
    const head = `the plan of ${saved.madeAt} no longer holds:`;
    const next = `plan again with: refit plan ${reference} --save FILE; nothing was started`;
    fail(exitCodes.wrongInput, [head, ...changes.map((change) => `  ${change}`), next].join('\n'));
  }
  return { reference, digest: read.ref.digest, release: releaseLabel(read.release), policy, tree };
}
