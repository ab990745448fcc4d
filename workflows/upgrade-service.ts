import {
  allHandlersFinished,
  condition,
  isCancellation,
  rootCause,
  setHandler,
  TemporalFailure,
} from '@temporalio/workflow';
import { failureTypes } from '../model/failures.ts';
import type { ServiceProgress, ServiceUpgradeInput } from '../model/service.ts';
import { isOver } from '../model/upgrade.ts';
import { isOfType } from './gate.ts';
import { serviceProgress } from './messages.ts';
import type { Ending } from './operated.ts';
import { handleOperatorCommands } from './operator-commands.ts';
import { findChanged } from './service-after.ts';
import { upgradeAtOnce } from './service-at-once.ts';
import { rollBack } from './service-back.ts';
import { leaveServing } from './service-cancel.ts';
import { discard, settleKept } from './service-kept.ts';
import { upgradeInPhases } from './service-phases.ts';
import { claimEpoch, planService } from './service-preflight.ts';
import { pullEverywhere } from './service-pull.ts';
import { ServiceRun } from './service-run.ts';
import { tell } from './service-tell.ts';

/** One upgrade of one service: find, pull, then its strategy; or all of it back. Also the way back after the end, and its end. */
export async function upgradeService(input: ServiceUpgradeInput): Promise<ServiceProgress> {
  const run = new ServiceRun(input);
  setHandler(serviceProgress, () => run.progress(), {
    description: 'state, phase, members, what it waits for and who can move it on',
  });
  handleOperatorCommands(run);

  try {
    const end = await actions[input.action](run);
    await condition(allHandlersFinished);
    return run.end(end);
  } catch (error) {
    if (!(error instanceof TemporalFailure) || isOver(run.state)) throw error;
    if (isCancellation(error)) {
      await leaveServing(run);
      run.error = 'cancelled in Temporal: members that were at work went back, the others stay as they are';
      return run.end('aborted');
    }
    const isWrong = run.begun.length === 0 && isOfType(error, [failureTypes.wrongInput]);
    const type = isWrong ? failureTypes.wrongInput : failureTypes.upgradeFailed;
    throw run.fail(type, rootCause(error) ?? 'unknown cause');
  }
}

type End = 'succeeded' | 'rolledBack' | 'aborted';

const actions: Readonly<Record<ServiceUpgradeInput['action'], (run: ServiceRun) => Promise<End>>> = {
  upgrade: async (run) => {
    const ending = await forward(run);
    // A command may be accepted in the very moment in which the last phase ends.
    const last = ending === 'go' ? run.ending() : ending;
    if (last === 'rollback') return rollBack(run);
    await tell(run, run.all());
    if (last === 'abort') return 'aborted';
    run.isClosing = true;
    await settleKept(run);
    return 'succeeded';
  },
  putBack: async (run) => {
    run.isGoingBack = true;
    const ending = await findChanged(run);
    return ending === 'abort' ? 'aborted' : rollBack(run);
  },
  discardKept: async (run) => {
    const ending = await findChanged(run);
    if (ending !== 'go') return 'aborted';
    await discard(run, run.changed());
    return 'succeeded';
  },
};

async function forward(run: ServiceRun): Promise<Ending> {
  const phases = await planService(run);
  if (phases === null) return run.ending();
  const pulled = await pullEverywhere(run);
  if (pulled !== 'go') return pulled;
  if (!(await claimEpoch(run))) return run.ending();
  return run.input.policy.strategy.strategy === 'allAtOnce' ? upgradeAtOnce(run) : upgradeInPhases(run, phases);
}
