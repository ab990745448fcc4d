import { WorkflowNotFoundError } from '@temporalio/client';
import type { QueryDefinition } from '@temporalio/common';
import { failureTypes } from '../model/failures.ts';
import type { FleetId } from '../model/ids.ts';
import { askServer, askWorker } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import { heartbeatsOf } from './live-progress.ts';
import { firstOf, runEnd, type RunId } from './run-end.ts';

/** How a kind of run tells where it is: to whom asks while it runs, and in what it ends with. */
export type RunKind<Progress> = {
  readonly query: QueryDefinition<Progress>;
  readonly parse: (value: unknown) => Progress | null;
  /** Lays what the activities at work say in their heartbeats over what the run says. */
  readonly withBeats: (progress: Progress, beats: readonly string[]) => Progress;
  /** Whether a refusal's progress tells more than its message, such as by findings; absent: it never does. */
  readonly tellsRefusal?: (progress: Progress) => boolean;
};

/** One look at a run. refused: wrong input, nothing was changed · closed: it ended before it could say how. */
export type RunLook<Progress> =
  | { readonly run: 'live' | 'ended'; readonly progress: Progress }
  | { readonly run: 'refused' | 'closed'; readonly because: string };

export const isRunOver = ({ run }: RunLook<unknown>): boolean => run !== 'live';

/** Where a run is, over or not; null: Temporal knows of none. Only a live one needs a worker. */
export async function lookAtRun<Progress>(
  temporal: TemporalConnection,
  fleet: FleetId,
  { run, kind }: { readonly run: RunId; readonly kind: RunKind<Progress> },
): Promise<RunLook<Progress> | null> {
  const handle = temporal.client.workflow.getHandle(run.workflowId, run.runId);
  try {
    const { status, raw } = await askServer(temporal, () => handle.describe());
    if (status.name !== 'RUNNING') return await endOf(temporal, run, kind);
    const progress = await askWorker(temporal, { fleet }, () => handle.query(kind.query));
    return { run: 'live', progress: kind.withBeats(progress, heartbeatsOf(raw)) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

async function endOf<Progress>(
  temporal: TemporalConnection,
  run: RunId,
  kind: RunKind<Progress>,
): Promise<RunLook<Progress>> {
  const end = await runEnd(temporal, run);
  const progress = firstOf(end, kind.parse);
  const isTold = progress !== null && kind.tellsRefusal?.(progress) === true;
  if (end.failure?.type === failureTypes.wrongInput && !isTold) return { run: 'refused', because: end.failure.message };
  if (progress !== null) return { run: 'ended', progress };
  return { run: 'closed', because: end.failure?.message ?? 'it left no result' };
}
