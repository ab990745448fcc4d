import { getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import { serviceAsks } from './messages.ts';
import type { ServiceRun } from './service-run.ts';

/** The upgrade of a release asks what its service's upgrade asks, so that one place answers for both. */
export function tellParent({ input, state, error }: ServiceRun): void {
  const { parent } = workflowInfo();
  if (parent === undefined || input.release?.fence == null) return;
  const what = state === 'waiting' ? `service ${input.service.name}: ${error ?? 'it waits'}` : null;
  // A parent that has gone hears nothing, and needs nothing.
  void getExternalWorkflowHandle(parent.workflowId, parent.runId)
    .signal(serviceAsks, { what })
    .catch(() => undefined);
}
