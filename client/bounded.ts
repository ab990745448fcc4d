import { isGrpcServiceError } from '@temporalio/client';
import { isAway, type TemporalConnection } from './connection.ts';
import { Unreachable } from './unreachable.ts';

/** Longest wait for an answer that Temporal's server itself gives; ms. */
const SERVER_DEADLINE_MS = 5_000;
/** Longest wait for an answer that a worker has to give; ms. */
const WORKER_DEADLINE_MS = 5_000;
/** gRPC's codes for "nobody who could answer": deadline exceeded, failed precondition (no poller seen). */
const NO_WORKER_CODES: readonly number[] = [4, 9];

/** A call that Temporal's server answers by itself. */
export async function askServer<Result>(temporal: TemporalConnection, call: () => Promise<Result>): Promise<Result> {
  try {
    return await temporal.connection.withDeadline(Date.now() + SERVER_DEADLINE_MS, call);
  } catch (error) {
    if (isAway(error)) throw new Unreachable(`temporal at ${temporal.address} does not answer`, { cause: error });
    throw error;
  }
}

/** A call that needs a worker of the fleet. */
export async function askWorker<Result>(
  temporal: TemporalConnection,
  fleet: string,
  call: () => Promise<Result>,
): Promise<Result> {
  try {
    return await temporal.connection.withDeadline(Date.now() + WORKER_DEADLINE_MS, call);
  } catch (error) {
    if (isWithoutWorker(error)) {
      throw new Unreachable(`no worker answers for fleet ${fleet}; start one with: refit worker`, { cause: error });
    }
    if (isAway(error)) throw new Unreachable(`temporal at ${temporal.address} does not answer`, { cause: error });
    throw error;
  }
}

function isWithoutWorker(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return NO_WORKER_CODES.includes(cause.code);
  }
  return false;
}
