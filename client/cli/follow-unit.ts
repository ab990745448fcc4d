import type { UnitId } from '../../model/ids.ts';
import type { UnitProgress } from '../../model/unit-upgrade.ts';
import type { RunId } from '../run-end.ts';
import type { Units } from '../units.ts';
import { beginRule } from './follow.ts';
import { followRun } from './follow-run.ts';
import type { Output } from './output.ts';
import { unitDocument } from './unit-document.ts';
import { unitChanges, unitLines } from './unit-lines.ts';
import { isKeeping, unitNeedsOperator, unitVerdict, type AskedOfUnit } from './unit-verdict.ts';

export type FollowedUnit = {
  readonly unit: UnitId;
  readonly run: RunId;
  readonly asked: AskedOfUnit;
  /** Whether the command ends when only an operator can move the upgrade on. */
  readonly stopsForOperator: boolean;
};

/** Shows a unit's upgrade until it is over or only keeps a slot warm, waits for an operator, or the person detaches. */
export async function followUnit(
  units: Units,
  { unit, run, asked, stopsForOperator }: FollowedUnit,
  output: Output,
): Promise<void> {
  const hasBegun = beginRule(asked === 'rollback' ? 'rollback' : 'upgrade');
  const isOurStop = (progress: UnitProgress): boolean => {
    // A slot that is kept for no time at all is being removed already.
    if (asked === 'upgrade' && isKeeping(progress) && (progress.keptUntil ?? 0) > Date.now()) return true;
    return hasBegun(progress.state) && stopsForOperator && unitNeedsOperator(progress);
  };
  await followRun<UnitProgress>(
    {
      watch: (watcher, signal) => units.watch(run, watcher, signal),
      wording: { lines: unitLines, changes: unitChanges },
      isOurStop,
      verdict: (look) => unitVerdict(look, asked),
      document: unitDocument,
      watchCommand: `refit unit watch ${unit}`,
    },
    output,
  );
}
