import { ApplicationFailure } from '@temporalio/common';
import { failureTypes } from '../model/failures.ts';

/** This run gives no orders any more; no retry changes that. */
export const fenced = (message: string): ApplicationFailure =>
  ApplicationFailure.create({ type: failureTypes.fenced, message, nonRetryable: true });

export const wrongInput = (message: string, cause?: Error): ApplicationFailure =>
  ApplicationFailure.create({
    type: failureTypes.wrongInput,
    message,
    nonRetryable: true,
    ...(cause !== undefined && { cause }),
  });

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
