import { CancellationScope, condition, isCancellation, rootCause } from '@temporalio/workflow';
import { failureTypes } from '../model/failures.ts';
import type { UnitStep } from '../model/unit-upgrade.ts';
import { ask, gate, insist, isOfType } from './gate.ts';
import type { Ending, Operated } from './operated.ts';
import type { UnitRun } from './unit-run.ts';

/** How a step ended: failed is for the policy, the others are the operator's. */
export type StepEnd = Ending | 'failed';

/** What is done, and why it failed; null: it did not. */
export type StepWork = () => Promise<string | null>;

export type Step = {
  readonly name: UnitStep;
  readonly work: StepWork;
  /** What is begun is waited for, whatever an operator wishes meanwhile: breaking it off would leave it half done. */
  readonly isWhole?: boolean;
};

/**
 * One step of a unit's upgrade.
 *
 * 1. An operator's pause is waited out before it, and before each new try.
 * 2. What the world fails is tried again for as long as it takes; what comes of the step itself is a failure.
 * 3. A failure asks, if the policy says so, and is tried again on `resume`; else it ends the way there.
 */
export async function doStep(run: UnitRun, { name, work, isWhole = false }: Step): Promise<StepEnd> {
  // Every round after the first is an operator's `resume`.
  for (;;) {
    const turn = await gate(run);
    if (turn !== 'go') return turn;
    run.markStep(name, 'running');
    const problem = await perform(run, name, isWhole ? work : async () => unlessInterrupted(run, work));
    if (problem === undefined) return endWith(run, name);
    if (problem === null) {
      run.markStep(name, 'done');
      return run.ending();
    }
    run.markStep(name, 'failed', problem);
    run.failure = problem;
    if (run.input.policy.onFailure !== 'pause') return 'failed';
    const question = { what: `${name}: ${problem}`, host: null, answers: ['resume'] };
    const answer = await ask(run, { ...question, isAnswered: () => run.wishes.resume });
    if (answer !== 'go') return answer;
    run.failure = null;
  }
}

export function skipStep(run: UnitRun, name: UnitStep, detail: string): void {
  run.markStep(name, 'skipped', detail);
}

function endWith(run: UnitRun, name: UnitStep): Ending {
  run.markStep(name, 'skipped', 'an operator ended it');
  return run.ending() === 'go' ? 'abort' : run.ending();
}

/** undefined: the operator ended the upgrade first. */
async function perform(
  run: UnitRun,
  name: UnitStep,
  work: () => Promise<string | null | undefined>,
): Promise<string | null | undefined> {
  try {
    const done = await insist(run, name, async () => ({ problem: await work() }));
    return done === null ? undefined : done.problem;
  } catch (error) {
    if (isCancellation(error) || !isOfType(error, [failureTypes.wrongInput])) throw error;
    return rootCause(error) ?? 'wrong input';
  }
}

/** undefined: the operator ended the upgrade first; the step is cancelled, and has come to its end when this returns. */
export async function unlessInterrupted<Result>(
  run: Operated,
  step: () => Promise<Result>,
): Promise<Result | undefined> {
  const scope = new CancellationScope();
  let isOver = false;
  const watching = condition(() => isOver || run.wishes.ending !== null).then(
    () => scope.cancel(),
    // The workflow itself was cancelled, and the step with it.
    () => undefined,
  );
  try {
    return await scope.run(step);
  } catch (error) {
    const isOurs = run.wishes.ending !== null && !CancellationScope.current().consideredCancelled;
    if (isCancellation(error) && isOurs) return undefined;
    throw error;
  } finally {
    isOver = true;
    await watching;
  }
}

/** All of them side by side, each to its end, so that nothing goes on when this returns; then the first failure is thrown. */
export async function everyOne<Item, Result>(
  items: readonly Item[],
  step: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const ends = await Promise.allSettled(items.map(step));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason instanceof Error ? failed.reason : new Error(String(failed.reason));
  return ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
}
