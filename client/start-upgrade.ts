import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { parseUpgradeId, type Digest, type FleetId, type UpgradeId } from '../model/ids.ts';
import type { Policy } from '../model/policy.ts';
import type { UpgradeInput } from '../model/upgrade.ts';
import { fleetWorkflowId, taskQueue, upgradeFleetType } from '../workflows/messages.ts';
import { searchAttributes } from '../workflows/search-attributes.ts';
import { askServer } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import { latestUpgrade, listUpgrades, nextUpgradeId } from './find-upgrade.ts';

export type StartRequest = {
  readonly reference: string;
  /** What the reference means now; the run refuses another. */
  readonly digest: Digest;
  /** `name version`, for people. */
  readonly release: string;
  readonly policy: Policy;
  /** Absent: the fleet's name and the next number. */
  readonly id?: UpgradeId;
  readonly requestedBy: string;
};

/** running: the fleet has an upgrade at work, and one at a time is the rule. idUsed: an upgrade of this name was there before. */
export type StartOutcome =
  | { readonly outcome: 'started'; readonly id: UpgradeId }
  | { readonly outcome: 'running'; readonly id: string; readonly release: string }
  | { readonly outcome: 'idUsed'; readonly id: UpgradeId };

export async function startUpgrade(
  temporal: TemporalConnection,
  fleet: FleetId,
  request: StartRequest,
): Promise<StartOutcome> {
  const before = await listUpgrades(temporal, fleet);
  const running = before.find((each) => each.isRunning);
  if (running !== undefined) return { outcome: 'running', id: running.id, release: running.release };
  const used = before.map((each) => each.id);
  const id = request.id ?? parseUpgradeId(nextUpgradeId(fleet, used));
  if (used.includes(id)) return { outcome: 'idUsed', id };
  try {
    await askServer(temporal, () => start(temporal, fleet, { ...request, id }));
    return { outcome: 'started', id };
  } catch (error) {
    // Somebody was quicker: Temporal lets one run per workflow id through.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const winner = await latestUpgrade(temporal, fleet);
    // Our own start, whose first answer got lost and was asked for again by the client.
    if (winner?.id === id && winner.requestedBy === request.requestedBy) return { outcome: 'started', id };
    return { outcome: 'running', id: winner?.id ?? 'unknown', release: winner?.release ?? 'unknown' };
  }
}

async function start(
  temporal: TemporalConnection,
  fleet: FleetId,
  request: StartRequest & { readonly id: UpgradeId },
): Promise<void> {
  const { id, reference, digest, release, policy, requestedBy } = request;
  const input: UpgradeInput = { upgrade: id, fleet, reference, digest, policy, requestedBy };
  await temporal.client.workflow.start(upgradeFleetType, {
    workflowId: fleetWorkflowId(fleet),
    taskQueue: taskQueue(fleet),
    args: [input],
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `${id}: ${release} on fleet ${fleet}`,
    staticDetails: `Upgrade \`${id}\` of fleet **${fleet}** to **${release}** (\`${reference}\`, \`${digest}\`), asked for by ${requestedBy}.`,
    memo: { upgrade: id, release, requestedBy, startedAt: Date.now() },
    typedSearchAttributes: new TypedSearchAttributes([
      { key: searchAttributes.fleet, value: fleet },
      { key: searchAttributes.upgrade, value: id },
      { key: searchAttributes.release, value: release },
      { key: searchAttributes.phase, value: 'preflight' },
      { key: searchAttributes.state, value: 'running' },
    ]),
  });
}
