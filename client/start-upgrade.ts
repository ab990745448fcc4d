import { parseUpgradeId, type Digest, type FleetId, type UpgradeId } from '../model/ids.ts';
import type { Policy } from '../model/policy.ts';
import type { UpgradeInput } from '../model/upgrade.ts';
import { fleetWorkflowId, upgradeFleetType } from '../workflows/messages.ts';
import type { TemporalConnection } from './connection.ts';
import { listUpgrades } from './find-upgrade.ts';
import { nextUpgradeId } from './next-upgrade-id.ts';
import { startRun, type RunRequest } from './start-run.ts';

export type StartRequest = {
  readonly reference: string;
  /** What the reference means now; the run refuses another. */
  readonly digest: Digest;
  /** `name version`, for people. */
  readonly release: string;
  readonly policy: Policy;
  /** Of a saved plan; the run refuses to do anything else. Absent: what has to be done now. */
  readonly tree?: Digest;
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
  if (running !== undefined) {
    // Asked for once more under the same name by the same person: its own.
    const { id, release, requestedBy } = running;
    const isSame = release === request.release && requestedBy === request.requestedBy;
    const isOurs = request.id !== undefined && id === request.id && isSame;
    return isOurs ? { outcome: 'started', id: request.id } : { outcome: 'running', id, release };
  }
  const used = before.map((each) => each.id);
  const id = request.id ?? parseUpgradeId(nextUpgradeId(fleet, used));
  if (used.includes(id)) return { outcome: 'idUsed', id };
  const started = await startRun(temporal, toRun(fleet, { ...request, id }));
  if (started.outcome === 'started') return { outcome: 'started', id };
  const { winner } = started;
  return { outcome: 'running', id: winner?.id ?? 'unknown', release: winner?.release ?? 'unknown' };
}

function toRun(fleet: FleetId, request: StartRequest & { readonly id: UpgradeId }): RunRequest {
  const { id, reference, digest, release, policy, tree = null, requestedBy } = request;
  const input: UpgradeInput = { upgrade: id, fleet, reference, digest, policy, tree, requestedBy };
  return {
    ...{ workflowId: fleetWorkflowId(fleet), type: upgradeFleetType, fleet, upgrade: id, release, requestedBy, input },
    summary: `${id}: ${release} on fleet ${fleet}`,
    details: `Upgrade \`${id}\` of fleet **${fleet}** to **${release}** (\`${reference}\`, \`${digest}\`), asked for by ${requestedBy}.`,
  };
}
