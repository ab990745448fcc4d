import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import type { FleetId, UpgradeId } from '../model/ids.ts';
import { taskQueue } from '../workflows/messages.ts';
import { searchAttributes } from '../workflows/search-attributes.ts';
import { askServer } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import { latestRun, type FoundUpgrade } from './find-upgrade.ts';

/** A workflow of which one run at a time is the rule. */
export type RunRequest = {
  readonly workflowId: string;
  readonly type: string;
  readonly fleet: FleetId;
  readonly upgrade: UpgradeId;
  /** What it goes to, for people: `name version`, or an image. */
  readonly release: string;
  readonly requestedBy: string;
  /** Markdown, for the Web UI. */
  readonly details: string;
  readonly summary: string;
  readonly input: unknown;
};

/** running: one is at work; null: it has ended in between. */
export type RunStart =
  | { readonly outcome: 'started'; readonly runId: string }
  | { readonly outcome: 'running'; readonly winner: FoundUpgrade | null };

/** Starts a run unless one is at work: that Temporal lets one through is what the rule rests on. */
export async function startRun(temporal: TemporalConnection, request: RunRequest): Promise<RunStart> {
  try {
    return { outcome: 'started', runId: await askServer(temporal, () => start(temporal, request)) };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const winner = await latestRun(temporal, request.workflowId);
    // Our own start, whose first answer got lost and was asked for again by the client.
    const isOurs = winner?.id === request.upgrade && winner.requestedBy === request.requestedBy;
    return isOurs ? { outcome: 'started', runId: winner.runId } : { outcome: 'running', winner };
  }
}

async function start(temporal: TemporalConnection, request: RunRequest): Promise<string> {
  const { workflowId, type, fleet, upgrade, release, requestedBy, details, summary, input } = request;
  const handle = await temporal.client.workflow.start(type, {
    workflowId,
    taskQueue: taskQueue(fleet),
    args: [input],
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: summary,
    staticDetails: details,
    memo: { upgrade, release, requestedBy, startedAt: Date.now() },
    typedSearchAttributes: new TypedSearchAttributes([
      { key: searchAttributes.fleet, value: fleet },
      { key: searchAttributes.upgrade, value: upgrade },
      { key: searchAttributes.release, value: release },
      { key: searchAttributes.phase, value: 'preflight' },
      { key: searchAttributes.state, value: 'running' },
    ]),
  });
  return handle.firstExecutionRunId;
}
