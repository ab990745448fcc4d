import { failureTypes } from '../model/failures.ts';
import type { Slot } from '../model/unit.ts';
import type { UnitStep } from '../model/unit-upgrade.ts';
import { ask, insist } from './gate.ts';
import { onUnit, soon } from './proxies.ts';
import { bestEffort } from './service-tell.ts';
import { cutOverTo } from './unit-cutover.ts';
import { unitInput } from './unit-input.ts';
import { undoMigrations } from './unit-job.ts';
import { deleteSlot, drain } from './unit-keep.ts';
import type { UnitRun } from './unit-run.ts';
import type { StepEnd } from './unit-step.ts';

/** How an upgrade ends that did not come through. */
export type BackEnd = 'rolledBack' | 'aborted';

/**
 * The way back: the requests first, if they were cut over, then the new slot, then what was applied to the shared data.
 *
 * 1. A failure that nobody can return from is asked about: `resume` goes on with the new slot.
 * 2. With `keep` a slot that failed stays for inspection, and so does what was applied for it.
 */
export async function comeBack(run: UnitRun, why: Exclude<StepEnd, 'go'>): Promise<BackEnd | 'goOn'> {
  if (why === 'abort') return 'aborted';
  const refusal = run.refuseRollback();
  if (refusal !== null) return askWithoutReturn(run, refusal);
  const isKept = why === 'failed' && run.input.policy.onFailure === 'keep';
  note(run, why, isKept);
  run.isGoingBack = true;
  run.keptUntil = null;
  run.wishes.ending = null;
  run.enter('rollingBack');
  const end = await goBack(run, isKept);
  run.error = run.failure;
  if (end === 'rolledBack' && isKept && !run.hasCutOver) throw run.fail(failureTypes.upgradeFailed, keptMessage(run));
  return end;
}

/** The requests stay where they are until a person says otherwise. */
async function askWithoutReturn(run: UnitRun, refusal: string): Promise<'goOn' | 'aborted'> {
  run.wishes.ending = null;
  const what = `${run.failure ?? 'it should go back'}; no return: ${refusal}`;
  const answer = await ask(run, { what, host: null, answers: ['resume'], isAnswered: () => run.wishes.resume });
  if (answer !== 'go') return 'aborted';
  run.decide({ rule: 'no-return', decision: 'goes on with the new slot', because: refusal, by: 'an operator' });
  run.failure = null;
  return 'goOn';
}

function note(run: UnitRun, why: 'failed' | 'rollback', isKept: boolean): void {
  if (why !== 'failed') return;
  const { to } = run.plan();
  const decision = `${run.hasCutOver ? 'return the requests, ' : ''}${isKept ? 'keep' : 'remove'} slot ${to}`;
  run.decide({ rule: 'on-failure', decision, because: run.failure ?? '', by: 'policy' });
}

async function goBack(run: UnitRun, isKept: boolean): Promise<BackEnd> {
  const { from, to } = run.plan();
  if (run.hasCutOver && from !== null && !(await done(run, 'return', async () => giveBack(run, from))))
    return 'aborted';
  run.standby = to;
  if (isKept) return 'rolledBack';
  if (!(await done(run, 'delete', async () => removeNew(run)))) return 'aborted';
  return (await undone(run)) ? 'rolledBack' : 'aborted';
}

async function giveBack(run: UnitRun, from: Slot): Promise<void> {
  await cutOverTo(run, from);
  await drain(run, run.plan().to);
}

async function removeNew(run: UnitRun): Promise<void> {
  const { from, to, members } = run.plan();
  if (from === null) {
    await onUnit.removeSlot.executeWithOptions({ summary: `remove slot ${to}` }, [
      { ...unitInput(run), slot: to, isFirst: true },
    ]);
  } else await deleteSlot(run, to);
  run.standby = null;
  for (const member of members) run.markMember(member, 'removed');
  await removeImages(run);
}

/** What nothing came of; an image in use stays. */
async function removeImages(run: UnitRun): Promise<void> {
  const { fleet, upgrade } = run.input;
  for (const { host, image } of run.pulled) {
    const what = `remove ${image} from ${host}`;
    await bestEffort(run, what, async () =>
      soon.removePulledImage.executeWithOptions({ summary: what }, [{ fleet, upgrade, host, container: '', image }]),
    );
  }
}

/** After the first install is taken back there is no data either. */
async function undone(run: UnitRun): Promise<boolean> {
  if (run.plan().from === null) return true;
  // Every round is an operator's `resume`.
  for (;;) {
    const problem = await insist(run, 'undoing migrations', async () => ({ why: await undoMigrations(run) }));
    if (problem === null) return false;
    if (problem.why === null) return true;
    const question = { what: problem.why, host: null, answers: ['resume'], isAnswered: () => run.wishes.resume };
    if ((await ask(run, question)) !== 'go') return false;
  }
}

/** A step of the way back. false: an operator ended it. */
async function done(run: UnitRun, name: UnitStep, step: () => Promise<unknown>): Promise<boolean> {
  run.markStep(name, 'running');
  const end = await insist(run, name, async () => {
    await step();
    return true;
  });
  run.markStep(name, end === null ? 'skipped' : 'done');
  return end !== null;
}

function keptMessage(run: UnitRun): string {
  const { from, to } = run.plan();
  // Without another slot the load balancer takes it for the active one.
  const next =
    from === null
      ? 'install the unit again, or remove its containers by hand'
      : `remove it with: ${run.commandLine('delete-standby')}`;
  return `${run.failure ?? 'it failed'}; slot ${to} is kept for inspection; ${next}`;
}
