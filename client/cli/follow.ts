import type { UpgradeId } from '../../model/ids.ts';
import type { Progress, UpgradeState } from '../../model/upgrade.ts';
import type { Upgrades } from '../upgrades.ts';
import { exitCodes, fail } from './exit.ts';
import { followLive, INTERRUPTED } from './follow-live.ts';
import type { Output } from './output.ts';
import { progressDocument } from './progress-document.ts';
import { changeLines, progressLines } from './progress-lines.ts';
import { needsOperator, verdict, type Asked } from './verdict.ts';

export type Following = {
  readonly upgrades: Upgrades;
  readonly id: UpgradeId;
  readonly asked: Asked;
  /** Whether the command ends when only an operator can move the upgrade on. */
  readonly stopsForOperator: boolean;
};

/** A roll back asked for a moment ago may still look paused; ms. */
const ROLLBACK_BEGINS_WITHIN_MS = 5_000;

/** Shows the upgrade until it is over, waits for an operator, or the person detaches; then says how it stands. */
export async function follow(following: Following, output: Output): Promise<void> {
  const { upgrades, id, asked } = following;
  const { last, isDetached } = await followLive<Progress>(
    {
      watch: (watcher, signal) => upgrades.watch(id, watcher, signal),
      wording: { lines: progressLines, changes: changeLines },
      isOurStop: stopRule(following),
    },
    output,
  );
  if (isDetached) detached(id, last, output);
  else if (last === null) fail(exitCodes.wrongInput, `there is no upgrade ${id} any more`);
  else conclude(last, asked, output);
}

/** Prints how the upgrade stands, and ends the command with the code that says so. */
export function conclude(progress: Progress, asked: Asked, output: Output): void {
  if (output.json) output.document(progressDocument(progress));
  const { exitCode, message } = verdict(progress, asked);
  if (exitCode !== exitCodes.done) fail(exitCode, message);
  output.say(message);
}

function stopRule({ asked, stopsForOperator }: Following): (progress: Progress) => boolean {
  const hasBegun = beginRule(asked);
  return (progress) => hasBegun(progress.state) && stopsForOperator && needsOperator(progress);
}

/** Whether what was asked for has begun; from then on a wait is its own. */
export function beginRule(asked: Asked): (state: UpgradeState) => boolean {
  const since = Date.now();
  let hasBegun = asked !== 'rollback';
  return (state) => (hasBegun ||= state === 'rollingBack' || Date.now() - since > ROLLBACK_BEGINS_WITHIN_MS);
}

function detached(id: UpgradeId, last: Progress | null, output: Output): void {
  if (output.json && last !== null) output.document(progressDocument(last));
  process.stderr.write(`\nupgrade ${id} goes on; watch it again with: refit upgrades watch ${id}\n`);
  process.exitCode = INTERRUPTED;
}
