import { isGrpcServiceError } from '@temporalio/client';
import { isAway, type TemporalConnection } from './connection.ts';
import { Unreachable } from './unreachable.ts';

/** Longest wait for an answer that Temporal's server itself gives; ms. */
const SERVER_DEADLINE_MS = 5_000;
/** Longest wait for an answer that a worker has to give; ms. */
const WORKER_DEADLINE_MS = 5_000;
/** gRPC's code for an answer that did not come in time. */
const DEADLINE_EXCEEDED = 4;
const NOT_IN_TIME = 'none in time';
/** gRPC's codes that are an answer: not found, invalid argument, already there, permission denied, unauthenticated. */
const ANSWER_CODES: readonly number[] = [3, 5, 6, 7, 16];

/** A call that Temporal's server answers by itself. */
export async function askServer<Result>(temporal: TemporalConnection, call: () => Promise<Result>): Promise<Result> {
  try {
    return await temporal.until(Date.now() + SERVER_DEADLINE_MS, call);
  } catch (error) {
    if (isAway(error)) throw awayError(temporal, error);
    throw error;
  }
}

/** A call that needs a worker of the fleet. */
export async function askWorker<Result>(
  temporal: TemporalConnection,
  { fleet, withinMs = WORKER_DEADLINE_MS }: { readonly fleet: string; readonly withinMs?: number },
  call: () => Promise<Result>,
): Promise<Result> {
  try {
    return await temporal.until(Date.now() + withinMs, call);
  } catch (error) {
    if (isAway(error) && workerProblem(error) !== NOT_IN_TIME) throw awayError(temporal, error);
    const problem = workerProblem(error);
    if (problem === null) throw error;
    throw new Unreachable(`no worker answers for fleet ${fleet} (${problem}); start one with: refit worker`, {
      cause: error,
    });
  }
}

const awayError = (temporal: TemporalConnection, cause: unknown): Unreachable =>
  new Unreachable(`temporal at ${temporal.address} does not answer`, { cause });

/** What the server says of the worker that should have answered; null: something did answer. */
function workerProblem(error: unknown): string | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (!isGrpcServiceError(cause)) continue;
    const code: number = cause.code;
    if (code === DEADLINE_EXCEEDED) return NOT_IN_TIME;
    return ANSWER_CODES.includes(code) ? null : cause.details.toLowerCase();
  }
  return null;
}
