import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { parseDigest, parseUpgradeId, type FleetId } from '../model/ids.ts';
import type { Progress } from '../model/upgrade.ts';
import { fleetWorkflowId, progress } from '../workflows/messages.ts';
import { askServer, askWorker } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import type { FoundUpgrade } from './find-upgrade.ts';
import { isProgress } from './parse.ts';
import { Unreachable } from './unreachable.ts';

/** Stands in for a digest that nobody knows any more. */
const NO_DIGEST = parseDigest(`sha256:${'0'.repeat(64)}`);

/** How an upgrade that is over ended. Needs no worker: Temporal keeps it. */
export async function finalProgress(
  temporal: TemporalConnection,
  fleet: FleetId,
  found: FoundUpgrade,
): Promise<Progress> {
  const handle = temporal.client.workflow.getHandle(fleetWorkflowId(fleet), found.runId);
  try {
    const result: unknown = await askServer(temporal, () => handle.result());
    if (!isProgress(result)) return closedFromOutside(fleet, found, 'it left no result');
    return result.hostsLeftOut === undefined ? result : await withAllHosts(temporal, fleet, { found, kept: result });
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    const details = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
    const kept = details.find(isProgress);
    if (kept === undefined) return closedFromOutside(fleet, found, cause?.message ?? error.message);
    return kept.hostsLeftOut === undefined ? kept : await withAllHosts(temporal, fleet, { found, kept });
  }
}

/** Temporal keeps a large fleet's hosts in part only; a worker knows them all, and where there is none the part has to do. */
async function withAllHosts(
  temporal: TemporalConnection,
  fleet: FleetId,
  { found, kept }: { readonly found: FoundUpgrade; readonly kept: Progress },
): Promise<Progress> {
  const handle = temporal.client.workflow.getHandle(fleetWorkflowId(fleet), found.runId);
  try {
    const { hosts } = await askWorker(temporal, { fleet }, () => handle.query(progress));
    const { hostsLeftOut: _, ...rest } = kept;
    return { ...rest, hosts };
  } catch (error) {
    if (error instanceof Unreachable) return kept;
    throw error;
  }
}

/** All that is left of a run that somebody terminated, or that failed by a bug: what it was started with. */
function closedFromOutside(fleet: FleetId, found: FoundUpgrade, why: string): Progress {
  return {
    id: parseUpgradeId(found.id),
    fleet,
    release: found.release,
    digest: NO_DIGEST,
    state: found.state === 'running' ? 'failed' : found.state,
    phase: 'end',
    hosts: [],
    waiting: [],
    findings: [],
    decisions: [],
    error: `the workflow was closed before it could say how it ended: ${why}`,
    startedAt: found.startedAt,
    finishedAt: found.finishedAt,
  };
}
