import type { Fleet } from '../model/fleet.ts';
import type { UnitId } from '../model/ids.ts';
import type { UnitProgress } from '../model/unit-upgrade.ts';
import { unitProgress, unitWorkflowId } from '../workflows/messages.ts';
import { commandRun, type Command, type CommandOutcome, type StandbyCommand } from './command-upgrade.ts';
import { connectTemporal } from './connection.ts';
import { latestFoundRun, type FoundRun } from './find-upgrade.ts';
import type { RunId } from './run-end.ts';
import { isRunOver, lookAtRun, type RunKind, type RunLook } from './run-look.ts';
import { startUnit, type UnitRequest, type UnitStart } from './start-unit.ts';
import { parseUnitBeats, withUnitBeats } from './unit-beats.ts';
import { toUnitProgress } from './unit-parse.ts';
import { watch, type Watcher } from './watch.ts';

export type { UnitRequest, UnitStart } from './start-unit.ts';

export type UnitLook = RunLook<UnitProgress>;

/** Commands that a unit's upgrade knows. */
export type UnitCommand = Exclude<Command, { readonly name: 'retryHost' | 'skipHost' }> | StandbyCommand;

/** How people and programs upgrade units of one fleet. Throws Unreachable when Temporal or a worker doesn't answer. */
export interface Units {
  /** Starts an upgrade, or the end of a standby slot, unless the unit has one at work. */
  start(request: UnitRequest): Promise<UnitStart>;
  /** The unit's latest run; null: it had none. */
  latest(unit: UnitId): Promise<FoundRun | null>;
  /** Where a run is; null: Temporal knows of none. */
  look(run: RunId): Promise<UnitLook | null>;
  /** Asks the running upgrade for something; its own rules may refuse. */
  command(unit: UnitId, command: UnitCommand): Promise<CommandOutcome>;
  watch(run: RunId, watcher: Watcher<UnitLook>, signal: AbortSignal): Promise<UnitLook | null>;
  close(): Promise<void>;
}

const kind: RunKind<UnitProgress> = {
  query: unitProgress,
  parse: toUnitProgress,
  withBeats: (progress, beats) => withUnitBeats(progress, parseUnitBeats(beats)),
  tellsRefusal: ({ findings }) => findings.some(({ severity }) => severity === 'error'),
};

/** Connects to the fleet's Temporal. */
export async function openUnits({ fleet }: { readonly fleet: Fleet }): Promise<Units> {
  const temporal = await connectTemporal(fleet);
  const name = fleet.fleet;
  const look = (run: RunId): Promise<UnitLook | null> => lookAtRun(temporal, name, { run, kind });
  return {
    start: (request) => startUnit(temporal, name, request),
    latest: (unit) => latestFoundRun(temporal, unitWorkflowId(name, unit)),
    look,
    command: (unit, command) => {
      const target = { workflowId: unitWorkflowId(name, unit), look: `refit unit status ${unit}` };
      return commandRun(temporal, { ...target, fleet: name, upgrade: null }, command);
    },
    watch: (run, watcher, signal) => watch({ look: () => look(run), isOver: isRunOver }, watcher, signal),
    close: () => temporal.connection.close(),
  };
}
