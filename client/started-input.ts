import { defaultPayloadConverter } from '@temporalio/common';
import { askServer } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import type { RunId } from './run-end.ts';

/** What a run was started with, as its history's first event keeps it; null: it can't be read. */
export async function startedInput<Input>(
  temporal: TemporalConnection,
  { workflowId, runId }: RunId,
  parse: (value: unknown) => Input | null,
): Promise<Input | null> {
  const { history } = await askServer(temporal, () =>
    temporal.connection.workflowService.getWorkflowExecutionHistory({
      namespace: temporal.namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    }),
  );
  const payload = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  return payload === undefined ? null : parse(defaultPayloadConverter.fromPayload<unknown>(payload));
}
