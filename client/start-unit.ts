import type { FleetId, UnitId, UpgradeId } from '../model/ids.ts';
import { releaseLabel, type ReleaseRef } from '../model/release.ts';
import { defaultUnitPolicy, type UnitPolicy } from '../model/unit.ts';
import type { UnitUpgradeInput } from '../model/unit-upgrade.ts';
import { unitWorkflowId, upgradeUnitType } from '../workflows/messages.ts';
import type { TemporalConnection } from './connection.ts';
import type { RunId } from './run-end.ts';
import { runName } from './run-name.ts';
import { startRun, type RunRequest } from './start-run.ts';

export type UnitRequest = {
  readonly unit: UnitId;
  readonly action: UnitAction;
  /** Absent: the unit's name and the time. */
  readonly id?: UpgradeId;
  readonly requestedBy: string;
};

export type UnitAction =
  | { readonly action: 'upgrade'; readonly release: ReleaseRef; readonly policy: UnitPolicy }
  /** Of a unit that has no upgrade at work. */
  | { readonly action: 'deleteStandby'; readonly reason?: string };

/** running: the unit has an upgrade at work, and one at a time is the rule. */
export type UnitStart =
  | { readonly outcome: 'started'; readonly id: UpgradeId; readonly run: RunId }
  | { readonly outcome: 'running'; readonly id: string; readonly release: string };

export async function startUnit(
  temporal: TemporalConnection,
  fleet: FleetId,
  request: UnitRequest,
): Promise<UnitStart> {
  const run = toRun(fleet, request);
  const started = await startRun(temporal, run);
  if (started.outcome === 'running') {
    const { winner } = started;
    return { outcome: 'running', id: winner?.id ?? 'unknown', release: winner?.release ?? 'unknown' };
  }
  return { outcome: 'started', id: run.upgrade, run: { workflowId: run.workflowId, runId: started.runId } };
}

function toRun(fleet: FleetId, { unit, action, id, requestedBy }: UnitRequest): RunRequest {
  const upgrade = id ?? runName(unit, Date.now());
  const common = { upgrade, fleet, unit, requestedBy, action: action.action };
  const run = { workflowId: unitWorkflowId(fleet, unit), type: upgradeUnitType, fleet, upgrade, requestedBy };
  if (action.action === 'deleteStandby') {
    const input: UnitUpgradeInput = { ...common, release: null, policy: defaultUnitPolicy };
    const because = action.reason === undefined ? '' : `: ${action.reason}`;
    return {
      ...{ ...run, input, release: 'one slot alone', summary: `${upgrade}: standby slot of unit ${unit} goes` },
      details: `The standby slot of unit **${unit}** of fleet ${fleet} goes (\`${upgrade}\`), asked for by ${requestedBy}${because}.`,
    };
  }
  const input: UnitUpgradeInput = { ...common, release: action.release, policy: action.policy };
  const release = releaseLabel(action.release);
  return {
    ...{ ...run, input, release, summary: `${upgrade}: unit ${unit} to ${release}` },
    details: `Unit **${unit}** of fleet ${fleet} to **${release}** (\`${upgrade}\`, \`${action.release.digest}\`), asked for by ${requestedBy}.`,
  };
}
