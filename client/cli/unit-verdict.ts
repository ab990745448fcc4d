import type { UnitProgress } from '../../model/unit-upgrade.ts';
import type { UpgradeState } from '../../model/upgrade.ts';
import type { RunLook } from '../run-look.ts';
import { exitCodes } from './exit.ts';
import { formatDuration } from './quantity.ts';
import { runVerdict } from './run-verdict.ts';
import { describeJob } from './unit-job-lines.ts';
import { describeMember, slotsText } from './unit-lines.ts';
import { findingLines, type Verdict } from './verdict.ts';
import { waitMessage } from './wait-lines.ts';

export type AskedOfUnit = 'upgrade' | 'rollback' | 'deleteStandby';

/** What the shell and the person hear at the end of a command that followed a unit's upgrade. */
export const unitVerdict = (look: RunLook<UnitProgress>, asked: AskedOfUnit): Verdict =>
  runVerdict(look, (progress) => ofProgress(progress, asked));

/** Nothing more happens before an operator speaks. */
export const unitNeedsOperator = ({ state }: Pick<UnitProgress, 'state'>): boolean => {
  const stops: readonly UpgradeState[] = ['paused', 'waiting'];
  return stops.includes(state);
};

/** The upgrade is done but for its end: the earlier slot is kept warm, which may take days. */
export const isKeeping = ({ state, step }: Pick<UnitProgress, 'state' | 'step'>): boolean =>
  state === 'running' && step === 'keep';

/** Preflight said no: nothing was created. */
export const wasUnitRefused = (progress: UnitProgress): boolean =>
  progress.state === 'failed' &&
  progress.findings.some(({ severity }) => severity === 'error') &&
  isUntouched(progress);

/** Only preflight has begun, and that changes nothing. */
const isUntouched = ({ steps }: UnitProgress): boolean =>
  steps.every(({ name, startedAt }) => name === 'preflight' || startedAt === null);

function ofProgress(progress: UnitProgress, asked: AskedOfUnit): Verdict {
  const { id, unit, state } = progress;
  if (unitNeedsOperator(progress)) {
    return { exitCode: exitCodes.waiting, message: waitMessage(progress, operatorCommands(progress)) };
  }
  if (asked === 'upgrade' && isKeeping(progress)) return { exitCode: exitCodes.done, message: keptMessage(progress) };
  switch (state) {
    case 'succeeded':
      return {
        exitCode: asked === 'rollback' ? exitCodes.failed : exitCodes.done,
        message:
          asked === 'deleteStandby' || progress.release === null ? aloneMessage(progress) : doneMessage(progress),
      };
    case 'rolledBack':
      return asked === 'rollback'
        ? { exitCode: exitCodes.done, message: `unit ${unit} is as it was before${where(progress)}` }
        : { exitCode: exitCodes.failed, message: failureMessage(progress, 'was rolled back') };
    case 'failed':
      return wasUnitRefused(progress)
        ? { exitCode: exitCodes.wrongInput, message: refusalMessage(progress) }
        : { exitCode: exitCodes.failed, message: failureMessage(progress, 'failed') };
    case 'aborted':
      return {
        exitCode: exitCodes.failed,
        message: failureMessage(progress, `was aborted; both slots of unit ${unit} stay as they are`),
      };
    default:
      return {
        exitCode: exitCodes.done,
        message: `upgrade ${id} goes on (${state}); watch it with: refit unit watch ${unit}`,
      };
  }
}

/** For a wait that names no command of its own. */
const operatorCommands = ({ unit }: UnitProgress): readonly string[] =>
  ['resume', 'rollback', 'abort'].map((command) => `refit unit ${command} ${unit}`);

/** Which release is where, until when there is a way back, and what goes there or ends it. */
export function keptMessage({ id, unit, release, active, standby, keptUntil }: UnitProgress): string {
  const until = keptUntil === null ? 'for now' : `until ${new Date(keptUntil).toISOString()}`;
  return [
    `unit ${unit} is on ${release ?? 'its release'} by upgrade ${id}: slot ${active ?? 'unknown'} takes the requests`,
    `slot ${standby ?? 'unknown'}, with the release before, is kept ${until}`,
    `back to it with: refit unit rollback ${unit}`,
    `remove it now with: refit unit delete-standby ${unit}`,
  ].join('\n');
}

function doneMessage(progress: UnitProgress): string {
  const { id, unit, release, startedAt, finishedAt } = progress;
  if (isUntouched(progress)) {
    return `nothing had to be done: unit ${unit} is on ${release ?? 'its release'} already${where(progress)}`;
  }
  const took = finishedAt === null ? '' : `, in ${formatDuration(finishedAt - startedAt)}`;
  return `upgrade ${id} succeeded: unit ${unit} is on ${release ?? 'its release'}${where(progress)}${took}`;
}

const aloneMessage = (progress: UnitProgress): string =>
  isUntouched(progress)
    ? `nothing had to be done: unit ${progress.unit} has no standby slot${where(progress)}`
    : `the standby slot of unit ${progress.unit} is gone${where(progress)}`;

const refusalMessage = ({ unit, release, findings }: UnitProgress): string =>
  [`unit ${unit} was refused ${release ?? 'this'}; nothing was created:`, ...findingLines(findings)].join('\n');

/** With the members and jobs that failed, and where the requests go now. */
function failureMessage(progress: UnitProgress, what: string): string {
  const { id, error, members, jobs } = progress;
  const failed = [
    ...members.filter(({ state }) => state === 'failed').map(describeMember),
    ...jobs.filter(({ state }) => state === 'failed').map(describeJob),
  ];
  const slot = slotsText(progress);
  return [
    `upgrade ${id} ${what}${error === null ? '' : `: ${error}`}`,
    ...failed.map((line) => `  ${line}`),
    ...(slot === null ? [] : [`unit ${progress.unit} as it is now: ${slot}`]),
  ].join('\n');
}

function where(progress: UnitProgress): string {
  const slot = slotsText(progress);
  return slot === null ? '' : `: ${slot}`;
}
