import type { ContainerProgress, ContainerUpgrade, ContainerUpgradeInput } from '../model/container-upgrade.ts';
import type { FleetId, UpgradeId } from '../model/ids.ts';
import { memberName, type MemberId } from '../model/service.ts';
import { containerProgress, containerWorkflowId, upgradeContainerType } from '../workflows/messages.ts';
import type { TemporalConnection } from './connection.ts';
import { latestFoundRun, type FoundRun } from './find-upgrade.ts';
import { parseMemberBeats, withContainerBeat } from './member-beats.ts';
import { toContainerProgress } from './member-parse.ts';
import type { RunId } from './run-end.ts';
import { isRunOver, lookAtRun, type RunKind, type RunLook } from './run-look.ts';
import { runName } from './run-name.ts';
import type { SharedTemporal } from './shared-temporal.ts';
import { startRun, type RunRequest } from './start-run.ts';
import { watch, type Watcher } from './watch.ts';

export type ContainerLook = RunLook<ContainerProgress>;

export type ContainerRequest = {
  readonly container: MemberId;
  readonly action: ContainerUpgrade | { readonly action: 'rollback' };
  /** Absent: the container's name and the time. */
  readonly id?: UpgradeId;
  readonly requestedBy: string;
};

/** running: the container has an upgrade at work, and one at a time is the rule. */
export type ContainerStart =
  | { readonly outcome: 'started'; readonly id: string; readonly run: RunId }
  | { readonly outcome: 'running'; readonly id: string };

/** How people and programs upgrade single containers of one fleet. Throws Unreachable when Temporal or a worker doesn't answer. */
export interface Containers {
  /** Upgrades a container in place, or takes its last upgrade back. */
  start(request: ContainerRequest): Promise<ContainerStart>;
  /** The latest run on a container; null: it had none. */
  latest(container: MemberId): Promise<FoundRun | null>;
  /** Where a run is; null: Temporal knows of none. */
  look(run: RunId): Promise<ContainerLook | null>;
  watch(run: RunId, watcher: Watcher<ContainerLook>, signal: AbortSignal): Promise<ContainerLook | null>;
}

const kind: RunKind<ContainerProgress> = {
  query: containerProgress,
  parse: toContainerProgress,
  withBeats: (progress, beats) => withContainerBeat(progress, parseMemberBeats(beats)),
};

/** Straight by the fleet's Temporal. */
export function containersOf(fleet: FleetId, { use }: SharedTemporal): Containers {
  const look = async (run: RunId): Promise<ContainerLook | null> => lookAtRun(await use(), fleet, { run, kind });
  return {
    start: async (request) => start(await use(), fleet, request),
    latest: async (container) => latestFoundRun(await use(), containerWorkflowId(fleet, container)),
    look,
    watch: (run, watcher, signal) => watch({ look: () => look(run), isOver: isRunOver }, watcher, signal),
  };
}

async function start(temporal: TemporalConnection, fleet: FleetId, request: ContainerRequest): Promise<ContainerStart> {
  const run = toRun(fleet, request);
  const started = await startRun(temporal, run);
  if (started.outcome === 'running') return { outcome: 'running', id: started.winner?.id ?? 'unknown' };
  return { outcome: 'started', id: run.upgrade, run: { workflowId: run.workflowId, runId: started.runId } };
}

function toRun(fleet: FleetId, { container, action, id, requestedBy }: ContainerRequest): RunRequest {
  const upgrade = id ?? runName(`${container.host}-${container.container}`, Date.now());
  const input: ContainerUpgradeInput = { upgrade, fleet, ...container, action, requestedBy };
  const release = action.action === 'upgrade' ? action.image : 'its earlier container';
  const name = memberName(container);
  return {
    ...{ workflowId: containerWorkflowId(fleet, container), type: upgradeContainerType, fleet, upgrade, release },
    ...{ requestedBy, input },
    summary: `${upgrade}: container ${name} to ${release}`,
    details: `Container **${name}** of fleet ${fleet} to \`${release}\` (\`${upgrade}\`), asked for by ${requestedBy}.`,
  };
}
