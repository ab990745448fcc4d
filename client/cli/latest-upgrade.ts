import type { FoundRun } from '../find-upgrade.ts';
import type { RunId } from '../run-end.ts';
import type { RunLook } from '../run-look.ts';
import { Unreachable } from '../unreachable.ts';

/** The latest upgrade of something, over or not; a text: it can't be told, and why. */
export type LatestUpgrade<Progress> = Progress | string | null;

/** The upgrades of one kind. */
type Runs<Progress> = { readonly look: (run: RunId) => Promise<RunLook<Progress> | null> };

/** Temporal, or a worker, that is away is no reason to tell nothing of the rest. */
export async function latestUpgrade<Progress>(
  runs: Runs<Progress>,
  find: () => Promise<FoundRun | null>,
): Promise<LatestUpgrade<Progress>> {
  try {
    const latest = await find();
    const look = latest === null ? null : await runs.look(latest.run);
    return look !== null && 'progress' in look ? look.progress : null;
  } catch (error) {
    if (error instanceof Unreachable) return error.message;
    throw error;
  }
}
