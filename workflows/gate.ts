import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  isCancellation,
  rootCause,
} from '@temporalio/workflow';
import { failureTypes } from '../model/failures.ts';
import type { HostId } from '../model/ids.ts';
import type { Ending, Operated } from './operated.ts';

/** Between two steps: waits while an operator's pause holds, and says how to go on. */
export async function gate(run: Operated): Promise<Ending> {
  if (run.wishes.pause && run.ending() === 'go') {
    const before = run.state;
    run.enter('paused');
    const what = 'the operator, who paused it';
    await run.wait(
      { what, host: null, movedOnBy: commandLines(run, ['resume', 'rollback', 'abort']) },
      () => !run.wishes.pause,
    );
    if (run.ending() === 'go') run.enter(before);
  }
  return run.ending();
}

/** What an operator is asked, and the commands that answer it, besides those that end the upgrade. */
export type Question = {
  readonly what: string;
  readonly host: HostId | null;
  readonly answers: readonly string[];
  readonly isAnswered: () => boolean;
};

/** Stops and asks: nothing is lost, and nothing goes on before an operator has spoken. */
export async function ask(run: Operated, { what, host, answers, isAnswered }: Question): Promise<Ending> {
  const before = run.state;
  run.wishes.resume = false;
  run.error = what;
  run.enter('waiting');
  const movedOnBy = commandLines(run, [...answers, ...(run.refuseRollback() === null ? ['rollback'] : []), 'abort']);
  await run.wait({ what: `the operator: ${what}`, host, movedOnBy }, () => run.wishes.ending !== null || isAnswered());
  run.error = null;
  if (run.ending() === 'go') run.enter(before);
  return run.ending();
}

/** Runs a step until it works: what retries did not mend is put to the operator. null: the operator ends the upgrade. */
export async function insist<Result>(run: Operated, what: string, step: () => Promise<Result>): Promise<Result | null> {
  // Every round is an operator's `resume`.
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
      const question = { what: `${what} failed: ${cause}`, host: null, answers: ['resume'] };
      if ((await ask(run, { ...question, isAnswered: () => run.wishes.resume })) !== 'go') return null;
    }
  }
}

/** As `insist`, for a step that touches no host: an operator who ends the upgrade does not wait for it. */
export async function read<Result>(run: Operated, what: string, step: () => Promise<Result>): Promise<Result | null> {
  const waiting = { what, host: null, movedOnBy: 'a worker, as soon as etcd and the registry answer' };
  return insist(run, what, async () => run.during(waiting, async () => unlessEnded(run, step)));
}

/** What an operator can type, as a wait says it. */
export const commandLines = (run: Operated, commands: readonly string[]): string =>
  commands.map((command) => run.commandLine(command)).join(' | ');

/** null: the operator ended the upgrade first, and the step is cancelled. */
export async function unlessEnded<Result>(run: Operated, step: () => Promise<Result>): Promise<Result | null> {
  return CancellationScope.cancellable(async () => {
    try {
      return await Promise.race([step(), condition(() => run.wishes.ending !== null).then(() => null)]);
    } finally {
      CancellationScope.current().cancel();
    }
  });
}

/** Another run has taken over, or the input is wrong: no retry and no operator mends that. */
export const isFatal = (error: unknown): boolean => isOfType(error, [failureTypes.fenced, failureTypes.wrongInput]);

/** Another run has taken over: this one gives no orders any more. */
export const isFenced = (error: unknown): boolean => isOfType(error, [failureTypes.fenced]);

/** Whether the error, or what caused it, is a failure of one of these types. */
export function isOfType(error: unknown, types: readonly string[]): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ApplicationFailure && types.includes(cause.type ?? '')) return true;
  }
  return false;
}
