import { ask, gate } from './gate.ts';
import type { Ending } from './operated.ts';
import { onUnit } from './proxies.ts';
import { unitInput } from './unit-input.ts';
import { runMigrations } from './unit-job.ts';
import type { UnitRun } from './unit-run.ts';
import { doStep, skipStep, type Step } from './unit-step.ts';
import type { Slot } from '../model/unit.ts';

/** Keeps the earlier slot warm until its time is over, or an operator wants it gone. */
export async function keepStandby(run: UnitRun): Promise<Ending> {
  const { from } = run.plan();
  if (from === null) {
    skipStep(run, 'keep', 'there is no other slot');
    return run.ending();
  }
  run.markStep('keep', 'running');
  const { keepMs } = run.input.policy;
  const until = Date.now() + keepMs;
  run.keptUntil = until;
  // Every round is an operator's pause, which does not stop the time.
  for (;;) {
    const what = `the time to be over for which slot ${from} is kept`;
    const movedOnBy = ['delete-standby', ...(run.refuseRollback() === null ? ['rollback'] : []), 'abort']
      .map((command) => run.commandLine(command))
      .join(' | ');
    await run.wait({ what, host: null, movedOnBy }, () => isMoved(run), Math.max(0, until - Date.now()));
    const turn = await gate(run);
    if (turn !== 'go') return turn;
    if (run.wishes.deleteStandby || Date.now() >= until) break;
  }
  run.markStep('keep', 'done', run.wishes.deleteStandby ? 'an operator wanted it gone' : null);
  return 'go';
}

const isMoved = ({ wishes }: UnitRun): boolean => wishes.ending !== null || wishes.deleteStandby || wishes.pause;

/** The earlier slot goes, and then what only it needed of the shared data. From here on there is no return. */
export async function finishUnit(run: UnitRun): Promise<'succeeded' | 'aborted'> {
  const { from, contract } = run.plan();
  run.isDeleting = true;
  run.keptUntil = null;
  if (from === null) skipStep(run, 'delete', 'there is no other slot');
  else if ((await insistOn(run, { name: 'delete', work: async () => deleteSlot(run, from), isWhole: true })) !== 'go')
    return 'aborted';
  if (contract.length === 0) {
    skipStep(run, 'contract', 'the release has none');
    return 'succeeded';
  }
  const work = async (): Promise<string | null> => runMigrations(run, 'contract');
  return (await insistOn(run, { name: 'contract', work, isWhole: true })) === 'go' ? 'succeeded' : 'aborted';
}

/** There is no way back from it: what fails is asked about, whatever the policy says. */
async function insistOn(run: UnitRun, step: Step): Promise<'go' | 'abort'> {
  // Every round is an operator's `resume`.
  for (;;) {
    const end = await doStep(run, step);
    if (end === 'go') return 'go';
    if (end !== 'failed') return 'abort';
    const question = { what: `${step.name}: ${run.failure ?? ''}`, host: null, answers: ['resume'] };
    if ((await ask(run, { ...question, isAnswered: () => run.wishes.resume })) !== 'go') return 'abort';
    run.failure = null;
  }
}

/** Requests that the slot is still at work on end first, within their time. */
export async function deleteSlot(run: UnitRun, slot: Slot): Promise<null> {
  await drain(run, slot);
  const waiting = { what: `the engines to remove slot ${slot}`, host: null, movedOnBy: 'the engines of its hosts' };
  await run.during(waiting, async () =>
    onUnit.removeSlot.executeWithOptions({ summary: `remove slot ${slot}` }, [
      { ...unitInput(run), slot, isFirst: false },
    ]),
  );
  run.standby = null;
  return null;
}

export async function drain(run: UnitRun, slot: Slot): Promise<void> {
  const { drainMs: waitMs } = run.input.policy;
  const waiting = { what: `slot ${slot} to finish its requests`, host: null, until: Date.now() + waitMs };
  await run.during({ ...waiting, movedOnBy: 'its members, or the time' }, async () =>
    onUnit.drainSlot.executeWithOptions({ summary: `drain slot ${slot}` }, [{ ...unitInput(run), slot, waitMs }]),
  );
}
