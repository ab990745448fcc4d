import {
  allHandlersFinished,
  condition,
  isCancellation,
  rootCause,
  setHandler,
  TemporalFailure,
} from '@temporalio/workflow';
import { failureTypes } from '../model/failures.ts';
import { slots } from '../model/unit.ts';
import type { UnitProgress, UnitUpgradeInput } from '../model/unit-upgrade.ts';
import { isOver } from '../model/upgrade.ts';
import { isOfType, read } from './gate.ts';
import { unitProgress } from './messages.ts';
import { onUnit } from './proxies.ts';
import { comeBack, type BackEnd } from './unit-back.ts';
import { buildSlot } from './unit-build.ts';
import { handleUnitCommands } from './unit-commands.ts';
import { cutOverAndSoak } from './unit-cutover.ts';
import { unitInput } from './unit-input.ts';
import { deleteSlot, finishUnit, keepStandby } from './unit-keep.ts';
import { planUnit } from './unit-plan.ts';
import { UnitRun } from './unit-run.ts';
import { doStep, type StepEnd } from './unit-step.ts';

/** A whole unit, blue/green: the new slot is made and tested beside the one that serves, then the requests are cut over. */
export async function upgradeUnit(input: UnitUpgradeInput): Promise<UnitProgress> {
  const run = new UnitRun(input);
  setHandler(unitProgress, () => run.progress(), {
    description: 'state, step, slots, members, tests, what it waits for and who can move it on',
  });
  handleUnitCommands(run);

  try {
    const end = await actions[input.action](run);
    await condition(allHandlersFinished);
    return run.end(end);
  } catch (error) {
    if (!(error instanceof TemporalFailure) || isOver(run.state)) throw error;
    if (isCancellation(error)) {
      run.error = 'cancelled in Temporal: both slots stay as they are';
      return run.end('aborted');
    }
    throw run.fail(failureTypes.upgradeFailed, rootCause(error) ?? 'unknown cause');
  }
}

type End = 'succeeded' | BackEnd;

const actions: Readonly<Record<UnitUpgradeInput['action'], (run: UnitRun) => Promise<End>>> = {
  upgrade: async (run) => {
    const planned = await planOnce(run);
    if (planned !== 'planned') return planned === 'alreadyThere' ? 'succeeded' : endUntouched(run);
    for (const part of [buildSlot, cutOverAndSoak, keepStandby]) {
      const end = await through(run, await part(run));
      if (end !== 'goOn') return end;
    }
    return finishUnit(run);
  },
  deleteStandby: async (run) => {
    const read = await readStandby(run);
    if (read === null) return 'aborted';
    const { standby } = read;
    if (standby === null) return 'succeeded';
    const end = await doStep(run, { name: 'delete', work: async () => deleteSlot(run, standby), isWhole: true });
    if (end === 'go') return 'succeeded';
    throw run.fail(failureTypes.upgradeFailed, run.failure ?? 'an operator ended it');
  },
};

/** Where a part of the way ended: it goes on, or everything goes back. */
async function through(run: UnitRun, end: StepEnd): Promise<'goOn' | BackEnd> {
  // A command may be accepted in the very moment in which a part ends.
  const last = end === 'go' ? run.ending() : end;
  return last === 'go' ? 'goOn' : comeBack(run, last);
}

async function planOnce(run: UnitRun): Promise<Awaited<ReturnType<typeof planUnit>>> {
  try {
    return await planUnit(run);
  } catch (error) {
    if (isOver(run.state) || !isOfType(error, [failureTypes.wrongInput])) throw error;
    throw run.fail(failureTypes.wrongInput, rootCause(error) ?? 'wrong input');
  }
}

/** An operator ended it before anything was created. */
function endUntouched(run: UnitRun): BackEnd {
  if (run.ending() !== 'rollback') return 'aborted';
  run.enter('rollingBack');
  return 'rolledBack';
}

/** null: an operator ended it. `standby` null: no slot but the active one has anything. */
async function readStandby(run: UnitRun): Promise<{ readonly standby: (typeof slots)[number] | null } | null> {
  run.markStep('preflight', 'running');
  const found = await read(run, `reading the slots of ${run.input.unit}`, async () =>
    onUnit.readSlots.executeWithOptions({ summary: 'read the slots' }, [unitInput(run)]),
  );
  if (found === null) return null;
  const filled = slots.filter((slot) => found.containers[slot] > 0);
  if (found.active === null && filled.length > 0) {
    const why = `the load balancer does not say which slot of ${run.input.unit} takes the requests, and ${filled.join(' and ')} may`;
    throw run.fail(
      failureTypes.wrongInput,
      `${why}: nothing is removed; remove containers by hand, or mend the load balancer`,
    );
  }
  const standby = filled.find((slot) => slot !== found.active) ?? null;
  run.active = found.active;
  run.standby = standby;
  run.markStep('preflight', 'done', standby === null ? 'there is no standby slot' : `slot ${standby} stands by`);
  return { standby };
}
