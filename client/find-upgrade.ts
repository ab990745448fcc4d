import { WorkflowNotFoundError, type WorkflowExecutionInfo } from '@temporalio/client';
import type { FleetId, UpgradeId } from '../model/ids.ts';
import { isOver, upgradeTransitions, type UpgradeState } from '../model/upgrade.ts';
import { fleetWorkflowId, upgradeFleetType } from '../workflows/messages.ts';
import { searchAttributes } from '../workflows/search-attributes.ts';
import { askServer } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import type { RunId } from './run-end.ts';

/** One upgrade's run in Temporal. */
export type FoundUpgrade = {
  readonly id: string;
  readonly runId: string;
  readonly isRunning: boolean;
  readonly release: string;
  readonly state: UpgradeState;
  readonly phase: string;
  readonly requestedBy: string;
  /** ms since the epoch. */
  readonly startedAt: number;
  readonly finishedAt: number | null;
};

/** The same, as it is followed. */
export type FoundRun = FoundUpgrade & { readonly run: RunId };

/** Upgrades that a list names: the latest. */
const LIST_LIMIT = 1_000;
/** Visibility lags behind; only a run before the latest is looked up there, so that a short second look is enough; ms. */
const VISIBILITY_LAG_MS = 500;

/** The run of an upgrade, be it over or not; null if there is none. */
export async function findUpgrade(
  temporal: TemporalConnection,
  fleet: FleetId,
  id: UpgradeId,
): Promise<FoundUpgrade | null> {
  const latest = await latestUpgrade(temporal, fleet);
  if (latest === null || latest.id === id) return latest;
  const first = await searchUpgrade(temporal, fleet, id);
  if (first !== null) return first;
  await new Promise((resolve) => setTimeout(resolve, VISIBILITY_LAG_MS));
  return searchUpgrade(temporal, fleet, id);
}

/** The fleet's latest run, by the server's own consistent record. */
export const latestUpgrade = (temporal: TemporalConnection, fleet: FleetId): Promise<FoundUpgrade | null> =>
  latestRun(temporal, fleetWorkflowId(fleet));

/** The latest run of a workflow of any kind that upgrades something. */
export async function latestRun(temporal: TemporalConnection, workflowId: string): Promise<FoundUpgrade | null> {
  try {
    const handle = temporal.client.workflow.getHandle(workflowId);
    return toFound(await askServer(temporal, () => handle.describe()));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** The same, to be followed. */
export async function latestFoundRun(temporal: TemporalConnection, workflowId: string): Promise<FoundRun | null> {
  const found = await latestRun(temporal, workflowId);
  return found === null ? null : { ...found, run: { workflowId, runId: found.runId } };
}

/** The fleet's upgrades, the latest first. */
export async function listUpgrades(temporal: TemporalConnection, fleet: FleetId): Promise<readonly FoundUpgrade[]> {
  const [latest, listed] = await Promise.all([latestUpgrade(temporal, fleet), search(temporal, runsOf(fleet))]);
  const others = listed.filter((each) => each.runId !== latest?.runId && each.id !== latest?.id);
  return latest === null ? others : [latest, ...others];
}

async function searchUpgrade(
  temporal: TemporalConnection,
  fleet: FleetId,
  id: UpgradeId,
): Promise<FoundUpgrade | null> {
  const found = await search(temporal, `${runsOf(fleet)} AND ${searchAttributes.upgrade.name} = '${id}'`);
  return found[0] ?? null;
}

async function search(temporal: TemporalConnection, query: string): Promise<readonly FoundUpgrade[]> {
  return askServer(temporal, async () => {
    const found: FoundUpgrade[] = [];
    for await (const run of temporal.client.workflow.list({ query })) {
      if (found.push(toFound(run)) >= LIST_LIMIT) break;
    }
    return found;
  });
}

/** A run that was continued as new is a part of the upgrade that its successor stands for. */
const runsOf = (fleet: FleetId): string =>
  `WorkflowType = '${upgradeFleetType}' AND ${searchAttributes.fleet.name} = '${fleet}' AND ExecutionStatus != 'ContinuedAsNew'`;

type Run = Pick<WorkflowExecutionInfo, 'memo' | 'typedSearchAttributes' | 'runId' | 'startTime' | 'status'> & {
  readonly closeTime?: Date | undefined;
};

function toFound(run: Run): FoundUpgrade {
  const { memo, typedSearchAttributes: attributes, runId, startTime, closeTime } = run;
  return {
    id: textOf(memo?.['upgrade'], attributes.get(searchAttributes.upgrade)),
    runId,
    isRunning: run.status.name === 'RUNNING' || run.status.name === 'CONTINUED_AS_NEW',
    release: textOf(attributes.get(searchAttributes.release), memo?.['release']),
    state: stateOf(run.status.name, attributes.get(searchAttributes.state)),
    phase: textOf(attributes.get(searchAttributes.phase)),
    requestedBy: textOf(memo?.['requestedBy']),
    startedAt: typeof memo?.['startedAt'] === 'number' ? memo['startedAt'] : startTime.getTime(),
    finishedAt: closeTime?.getTime() ?? null,
  };
}

/** What the workflow said last, unless it was closed from outside before it could say how it ended. */
export function stateOf(status: WorkflowExecutionInfo['status']['name'], said: string | undefined): UpgradeState {
  const state = upgradeStates.find((known) => known === said) ?? 'running';
  if (status === 'RUNNING' || status === 'CONTINUED_AS_NEW' || isOver(state)) return state;
  if (status === 'COMPLETED') return 'succeeded';
  return status === 'FAILED' || status === 'TIMED_OUT' ? 'failed' : 'aborted';
}

const upgradeStates = Object.keys(upgradeTransitions) as readonly UpgradeState[];

const textOf = (...candidates: readonly unknown[]): string =>
  candidates.find((candidate): candidate is string => typeof candidate === 'string' && candidate !== '') ?? '';
