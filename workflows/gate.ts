import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  isCancellation,
  rootCause,
} from '@temporalio/workflow';
import { failureTypes } from '../model/failures.ts';
import type { Ending, Run } from './run.ts';

/** Between two steps: waits while an operator's pause holds, and says how to go on. */
export async function gate(run: Run): Promise<Ending> {
  if (run.wishes.pause && run.ending() === 'go') {
    const before = run.state;
    run.enter('paused');
    const what = 'the operator, who paused it';
    await run.wait(
      { what, host: null, movedOnBy: commands(run, ['resume', 'rollback', 'abort']) },
      () => !run.wishes.pause,
    );
    if (run.ending() === 'go') run.enter(before);
  }
  return run.ending();
}

/** Stops and asks: nothing is lost, and nothing goes on before an operator has spoken. True: go on. */
export async function ask(run: Run, what: string, isAnswered: () => boolean): Promise<Ending> {
  const before = run.state;
  run.wishes.resume = false;
  run.error = what;
  run.enter('waiting');
  const movedOnBy = commands(run, ['resume', 'retry HOST', 'skip HOST', 'rollback', 'abort']);
  await run.wait(
    { what: `the operator: ${what}`, host: null, movedOnBy },
    () => run.wishes.ending !== null || isAnswered(),
  );
  run.error = null;
  if (run.ending() === 'go') run.enter(before);
  return run.ending();
}

/** Runs a step until it works: what retries did not mend is put to the operator. null: the operator ends the upgrade. */
export async function insist<Result>(run: Run, what: string, step: () => Promise<Result>): Promise<Result | null> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) || isCancellation(error))
        throw error;
      const cause = rootCause(error) ?? 'unknown cause';
      if (isFatal(error))
        throw ApplicationFailure.create({
          type: failureTypes.upgradeFailed,
          message: `${what}: ${cause}`,
          cause: error,
        });
      if ((await ask(run, `${what} failed: ${cause}`, () => run.wishes.resume)) !== 'go') return null;
    }
  }
}

export const commands = (run: Run, names: readonly string[]): string =>
  names.map((name) => command(name, run.input.upgrade)).join(' | ');

/** `retry HOST` → `refit retry lab-7 HOST`. */
function command(name: string, upgrade: string): string {
  const [verb = '', ...rest] = name.split(' ');
  return ['refit', verb, upgrade, ...rest].join(' ');
}

function isFatal(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (
      cause instanceof ApplicationFailure &&
      (cause.type === failureTypes.fenced || cause.type === failureTypes.wrongInput)
    )
      return true;
  }
  return false;
}
