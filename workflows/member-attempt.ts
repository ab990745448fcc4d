import { ActivityFailure, CancellationScope, condition, isCancellation, rootCause, sleep } from '@temporalio/workflow';
import { failureTypes } from '../model/failures.ts';
import { memberName } from '../model/service.ts';
import { isFenced, isOfType } from './gate.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** How a step on a member ended. stuck: nobody knows what runs there, or nothing does. */
export type MemberEnd =
  | { readonly end: 'done' }
  | { readonly end: 'stopped' }
  /** The container that was there runs. */
  | { readonly end: 'asBefore'; readonly reason: string }
  | { readonly end: 'stuck'; readonly reason: string };

/** What a step gets beyond its own deadline once an operator has ended the upgrade; then it is not waited for any more. ms. */
const SLACK_MS = 60_000;

/** Does a step on a member; what Temporal's retries did not mend is one of its ends. */
export async function attempt(run: ServiceRun, member: MemberRun, step: () => Promise<MemberEnd>): Promise<MemberEnd> {
  const withinMs = run.input.policy.health.deadlineMs + SLACK_MS;
  try {
    const end = await finishing(run, withinMs, step);
    const reason = `${memberName(member.found)} did not get to an end within ${withinMs} ms after it was asked to`;
    return end ?? { end: 'stuck', reason };
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error) || isFenced(error)) throw error;
    const reason = rootCause(error) ?? 'unknown cause';
    return { end: isOfType(error, [failureTypes.wrongInput]) ? 'asBefore' : 'stuck', reason };
  }
}

/** What is at work ends by itself, by its own deadlines; an engine that is away must not hold an operator's ending for ever. null: it is left. */
async function finishing<Result>(
  run: ServiceRun,
  withinMs: number,
  step: () => Promise<Result>,
): Promise<Result | null> {
  return CancellationScope.cancellable(async () => {
    const isLate = async (): Promise<null> => {
      await condition(() => run.wishes.ending !== null);
      await sleep(withinMs, { summary: 'what is at work may end' });
      return null;
    };
    try {
      return await Promise.race([step(), isLate()]);
    } finally {
      CancellationScope.current().cancel();
    }
  });
}
