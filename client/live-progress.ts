import { WorkflowNotFoundError } from '@temporalio/client';
import type { FleetId } from '../model/ids.ts';
import type { HostHeartbeat, Progress } from '../model/upgrade.ts';
import { fleetWorkflowId, progress as progressQuery, waveProgress, type WaveProgress } from '../workflows/messages.ts';
import { askServer, askWorker } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import { mergeProgress } from './merge-progress.ts';
import { parseHeartbeat } from './parse.ts';

/** What the fleet's upgrade says now, with its wave's hosts and the steps at work. Needs a worker. */
export async function liveProgress(temporal: TemporalConnection, fleet: FleetId): Promise<Progress> {
  const workflowId = fleetWorkflowId(fleet);
  const handle = temporal.client.workflow.getHandle(workflowId);
  const { waveWorkflowId, ...progress } = await askWorker(temporal, fleet, () => handle.query(progressQuery));
  if (waveWorkflowId === null) return mergeProgress(progress, null, await heartbeats(temporal, workflowId));
  const [wave, ofUpgrade, ofWave] = await Promise.all([
    latestOfWave(temporal, fleet, waveWorkflowId),
    heartbeats(temporal, workflowId),
    heartbeats(temporal, waveWorkflowId),
  ]);
  return mergeProgress(progress, wave, [...ofUpgrade, ...ofWave]);
}

/** null: the wave has ended since, or has not begun; the upgrade's own word holds. */
async function latestOfWave(
  temporal: TemporalConnection,
  fleet: FleetId,
  workflowId: string,
): Promise<WaveProgress | null> {
  const handle = temporal.client.workflow.getHandle(workflowId);
  try {
    return await askWorker(temporal, fleet, () => handle.query(waveProgress));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** What the pending activities of a workflow last said. */
async function heartbeats(temporal: TemporalConnection, workflowId: string): Promise<readonly HostHeartbeat[]> {
  const handle = temporal.client.workflow.getHandle(workflowId);
  try {
    const { raw } = await askServer(temporal, () => handle.describe());
    const details = raw.pendingActivities?.flatMap((activity) => activity.heartbeatDetails?.payloads ?? []) ?? [];
    return details.flatMap(({ data }) => (data == null ? [] : (parseHeartbeat(Buffer.from(data).toString()) ?? [])));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}
