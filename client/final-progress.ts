import { parseDigest, parseUpgradeId, type FleetId } from '../model/ids.ts';
import type { Progress } from '../model/upgrade.ts';
import { fleetWorkflowId, progress } from '../workflows/messages.ts';
import { askWorker } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import type { FoundUpgrade } from './find-upgrade.ts';
import { toProgress } from './parse.ts';
import { firstOf, runEnd } from './run-end.ts';
import { Unreachable } from './unreachable.ts';

/** Stands in for a digest that nobody knows any more. */
const NO_DIGEST = parseDigest(`sha256:${'0'.repeat(64)}`);

/** How an upgrade that is over ended. Needs no worker: Temporal keeps it. */
export async function finalProgress(
  temporal: TemporalConnection,
  fleet: FleetId,
  found: FoundUpgrade,
): Promise<Progress> {
  const end = await runEnd(temporal, { workflowId: fleetWorkflowId(fleet), runId: found.runId });
  const kept = firstOf(end, toProgress);
  if (kept === null) return closedFromOutside(fleet, found, end.failure?.message ?? 'it left no result');
  return kept.hostsLeftOut === undefined ? kept : await withAllHosts(temporal, fleet, { found, kept });
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
    services: [],
    hops: [],
    migrations: [],
    checkpoints: [],
    forwardOnly: null,
    waiting: [],
    findings: [],
    decisions: [],
    error: `the workflow was closed before it could say how it ended: ${why}`,
    startedAt: found.startedAt,
    finishedAt: found.finishedAt,
  };
}
