import type { RunLook } from '../run-look.ts';
import type { Watcher } from '../watch.ts';
import { exitCodes, fail } from './exit.ts';
import { followLive, INTERRUPTED } from './follow-live.ts';
import type { Wording } from './live-view.ts';
import type { Output } from './output.ts';
import type { Verdict } from './verdict.ts';

/** A run of any kind, and what its command makes of it. */
export type FollowedRun<Progress> = {
  readonly watch: (watcher: Watcher<RunLook<Progress>>, signal: AbortSignal) => Promise<RunLook<Progress> | null>;
  readonly wording: Wording<Progress>;
  readonly isOurStop: (progress: Progress) => boolean;
  readonly verdict: (look: RunLook<Progress>) => Verdict;
  readonly document: (progress: Progress) => unknown;
  /** Shows it again, for whoever detached. */
  readonly watchCommand: string;
};

/** Shows a run until it is over, waits for an operator, or the person detaches; then says how it stands. */
export async function followRun<Progress>(run: FollowedRun<Progress>, output: Output): Promise<void> {
  const { last, isDetached } = await followLive<RunLook<Progress>>(
    {
      watch: run.watch,
      wording: wordingOfLooks(run.wording),
      isOurStop: (look) => 'progress' in look && run.isOurStop(look.progress),
    },
    output,
  );
  if (output.json && last !== null && 'progress' in last) output.document(run.document(last.progress));
  if (isDetached) {
    process.stderr.write(`\nit goes on; watch it again with: ${run.watchCommand}\n`);
    process.exitCode = INTERRUPTED;
    return;
  }
  if (last === null) fail(exitCodes.failed, 'Temporal does not know the upgrade any more');
  const { exitCode, message } = run.verdict(last);
  if (exitCode !== exitCodes.done) fail(exitCode, message);
  output.say(message);
}

/** A run that ended without progress has its verdict only. */
const wordingOfLooks = <Progress>({ lines, changes }: Wording<Progress>): Wording<RunLook<Progress>> => ({
  lines: (look, now) => ('progress' in look ? lines(look.progress, now) : []),
  changes: (before, after) => {
    const known = before !== null && 'progress' in before ? before.progress : null;
    return 'progress' in after ? changes(known, after.progress) : [];
  },
});
