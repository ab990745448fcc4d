import { countAll, countOfState, type ServiceProgress, type ServiceUpgradeState } from '../../model/service.ts';
import type { RunLook } from '../run-look.ts';
import { exitCodes } from './exit.ts';
import { formatDuration } from './quantity.ts';
import { runVerdict } from './run-verdict.ts';
import { isMemberAtWork } from './service-lines.ts';
import { shortImage } from './standing-lines.ts';
import type { Verdict } from './verdict.ts';
import { waitMessage } from './wait-lines.ts';

/** rollback: of an upgrade at work · takeBack: of one that was over. */
export type AskedOfService = 'upgrade' | 'rollback' | 'takeBack';

/** What the shell and the person hear at the end of a command that followed a service's upgrade. */
export const serviceVerdict = (look: RunLook<ServiceProgress>, asked: AskedOfService): Verdict =>
  runVerdict(look, (progress) => ofProgress(progress, asked));

/** Nothing more happens before an operator speaks. */
export function serviceNeedsOperator({ state, members }: ServiceProgress): boolean {
  const stops: readonly ServiceUpgradeState[] = ['paused', 'waiting'];
  return stops.includes(state) && !members.some(isMemberAtWork);
}

function ofProgress(progress: ServiceProgress, asked: AskedOfService): Verdict {
  if (serviceNeedsOperator(progress)) return { exitCode: exitCodes.waiting, message: waitMessage(progress) };
  const { id, service, state } = progress;
  switch (state) {
    case 'succeeded':
      if (asked === 'takeBack') return { exitCode: exitCodes.done, message: backMessage(progress) };
      return { exitCode: asked === 'upgrade' ? exitCodes.done : exitCodes.failed, message: doneMessage(progress) };
    case 'rolledBack':
      return asked === 'upgrade'
        ? { exitCode: exitCodes.failed, message: `upgrade ${id} was rolled back${because(progress)}` }
        : { exitCode: exitCodes.done, message: backMessage(progress) };
    case 'failed':
      return {
        exitCode: exitCodes.failed,
        message: [`upgrade ${id} failed${because(progress)}`, ...failures(progress)].join('\n'),
      };
    case 'aborted':
      return {
        exitCode: exitCodes.failed,
        message: `upgrade ${id} was aborted; members stay as they are${because(progress)}`,
      };
    default:
      return {
        exitCode: exitCodes.done,
        message: `upgrade ${id} goes on (${state}); watch it with: refit service watch ${service}`,
      };
  }
}

function doneMessage(progress: ServiceProgress): string {
  const { id, service, image, members, startedAt, finishedAt } = progress;
  const changed = members.filter(({ to }) => to !== null).length;
  const failed = countOfState(progress, 'Failed');
  const total = countAll(progress);
  if (changed + failed === 0)
    return `nothing had to be done: every member of service ${service} is on ${shortImage(image)}`;
  const left = failed === 0 ? '' : `, ${failed} left behind`;
  const took = finishedAt === null ? '' : ` in ${formatDuration(finishedAt - startedAt)}`;
  const upgraded = `${total - failed} of ${total} members upgraded${left}${took}`;
  return `upgrade ${id} succeeded: service ${service} is on ${shortImage(image)}, ${upgraded}`;
}

const backMessage = (progress: ServiceProgress): string =>
  `service ${progress.service} is as it was before: ${countOfState(progress, 'RolledBack')} of ${countAll(progress)} members went back`;

const failures = ({ members }: ServiceProgress): readonly string[] =>
  members.flatMap(({ host, container, error }) => (error === undefined ? [] : [`  ${container} on ${host}: ${error}`]));

const because = ({ error }: ServiceProgress): string => (error === null ? '' : `: ${error}`);
