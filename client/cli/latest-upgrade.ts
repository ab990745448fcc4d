import type { FoundRun } from '../find-upgrade.ts';
import type { RunId } from '../run-end.ts';
import type { RunLook } from '../run-look.ts';
import { Unreachable } from '../unreachable.ts';

/** The latest upgrade of something, over or not; a text: it can't be told, and why. */
export type LatestUpgrade<Progress> = Progress | string | null;

/** The upgrades of one kind, as `openServices` and its like give them. */
type Runs<Progress> = {
  readonly look: (run: RunId) => Promise<RunLook<Progress> | null>;
  readonly close: () => Promise<void>;
};

/** Temporal, or a worker, that is away is no reason to tell nothing of the rest. */
export async function latestUpgrade<Progress, Opened extends Runs<Progress>>(
  open: () => Promise<Opened & Runs<Progress>>,
  find: (runs: Opened) => Promise<FoundRun | null>,
): Promise<LatestUpgrade<Progress>> {
  try {
    const runs = await open();
    try {
      const latest = await find(runs);
      const look = latest === null ? null : await runs.look(latest.run);
      return look !== null && 'progress' in look ? look.progress : null;
    } finally {
      await runs.close();
    }
  } catch (error) {
    if (error instanceof Unreachable) return error.message;
    throw error;
  }
}
