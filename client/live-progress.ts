import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import type { FleetId } from '../model/ids.ts';
import type { HostHeartbeat, Progress } from '../model/upgrade.ts';
import { fleetWorkflowId, progress as progressQuery, waveProgress, type WaveProgress } from '../workflows/messages.ts';
import { askServer, askWorker } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import { mergeProgress } from './merge-progress.ts';
import { completeProgress, parseHeartbeat } from './parse.ts';
import { Unreachable } from './unreachable.ts';

/** Longest wait for a wave's answer; ms. A query that meets the end of its workflow is never answered. */
const WAVE_DEADLINE_MS = 1_000;
/** Looks at an upgrade whose wave doesn't answer, before the upgrade's own word has to do. */
const LOOKS = 3;

/** What the fleet's upgrade says now, with its wave's hosts and the steps at work. Needs a worker. */
export async function liveProgress(temporal: TemporalConnection, fleet: FleetId): Promise<Progress> {
  const workflowId = fleetWorkflowId(fleet);
  const handle = temporal.client.workflow.getHandle(workflowId);
  for (let look = 1; ; look++) {
    const { waveWorkflowId, ...said } = await askWorker(temporal, { fleet }, () => handle.query(progressQuery));
    const isLast = waveWorkflowId === null || look === LOOKS;
    const [wave, ...beats] = await Promise.all([
      waveWorkflowId === null ? null : latestOfWave(temporal, fleet, waveWorkflowId),
      heartbeats(temporal, workflowId),
      waveWorkflowId === null ? [] : heartbeats(temporal, waveWorkflowId),
    ]);
    // A wave that doesn't answer has mostly ended in between, and the upgrade knows by now how.
    if (wave !== null || isLast) return mergeProgress(completeProgress(said), wave, beats.flat());
  }
}

/** null: it has ended since, has not begun, or ends this very moment. */
async function latestOfWave(
  temporal: TemporalConnection,
  fleet: FleetId,
  workflowId: string,
): Promise<WaveProgress | null> {
  const handle = temporal.client.workflow.getHandle(workflowId);
  try {
    return await askWorker(temporal, { fleet, withinMs: WAVE_DEADLINE_MS }, () => handle.query(waveProgress));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || error instanceof Unreachable) return null;
    throw error;
  }
}

/** What the pending activities of a workflow last said. */
async function heartbeats(temporal: TemporalConnection, workflowId: string): Promise<readonly HostHeartbeat[]> {
  const handle = temporal.client.workflow.getHandle(workflowId);
  try {
    const { raw } = await askServer(temporal, () => handle.describe());
    return heartbeatsOf(raw).flatMap((text) => parseHeartbeat(text) ?? []);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}

/** What the pending activities of a described workflow last said, as it stands there. */
export function heartbeatsOf({ pendingActivities }: WorkflowExecutionDescription['raw']): readonly string[] {
  const details = pendingActivities?.flatMap((activity) => activity.heartbeatDetails?.payloads ?? []) ?? [];
  return details.flatMap(({ data }) => (data == null ? [] : [Buffer.from(data).toString()]));
}
