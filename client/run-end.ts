import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { askServer } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';

/** One run of a workflow; runs of one name follow each other. */
export type RunId = { readonly workflowId: string; readonly runId: string };

/** How a run ended: what it returned or its failure carries, and the failure itself. */
export type RunEnd = { readonly values: readonly unknown[]; readonly failure: RunFailure | null };
/** `type`: of model/failures.ts, if it was thrown as one. */
export type RunFailure = { readonly type: string | null; readonly message: string };

/** Of a run that is over. Needs no worker: Temporal keeps it. */
export async function runEnd(temporal: TemporalConnection, { workflowId, runId }: RunId): Promise<RunEnd> {
  const handle = temporal.client.workflow.getHandle(workflowId, runId);
  try {
    const result: unknown = await askServer(temporal, () => handle.result());
    return { values: [result], failure: null };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const thrown = applicationFailure(error);
    const message = thrown?.message ?? error.cause?.message ?? error.message;
    return { values: thrown?.details ?? [], failure: { type: thrown?.type ?? null, message } };
  }
}

/** An activity's failure that a workflow let through has its own words inside. */
function applicationFailure(error: unknown): ApplicationFailure | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ApplicationFailure) return cause;
  }
  return null;
}

/** The first of the values that can be read. */
export function firstOf<Value>({ values }: RunEnd, parse: (value: unknown) => Value | null): Value | null {
  for (const value of values) {
    const parsed = parse(value);
    if (parsed !== null) return parsed;
  }
  return null;
}
