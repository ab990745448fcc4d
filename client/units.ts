import type { FleetId, UnitId } from '../model/ids.ts';
import type { UnitProgress } from '../model/unit-upgrade.ts';
import { unitProgress, unitWorkflowId } from '../workflows/messages.ts';
import { commandRun, type Command, type CommandOutcome, type StandbyCommand } from './command-upgrade.ts';
import { latestFoundRun, type FoundRun } from './find-upgrade.ts';
import type { RunId } from './run-end.ts';
import { isRunOver, lookAtRun, type RunKind, type RunLook } from './run-look.ts';
import type { SharedTemporal } from './shared-temporal.ts';
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
}

const kind: RunKind<UnitProgress> = {
  query: unitProgress,
  parse: toUnitProgress,
  withBeats: (progress, beats) => withUnitBeats(progress, parseUnitBeats(beats)),
  tellsRefusal: ({ findings }) => findings.some(({ severity }) => severity === 'error'),
};

/** Straight by the fleet's Temporal. */
export function unitsOf(fleet: FleetId, { use }: SharedTemporal): Units {
  const look = async (run: RunId): Promise<UnitLook | null> => lookAtRun(await use(), fleet, { run, kind });
  return {
    start: async (request) => startUnit(await use(), fleet, request),
    latest: async (unit) => latestFoundRun(await use(), unitWorkflowId(fleet, unit)),
    look,
    command: async (unit, command) => {
      const target = { workflowId: unitWorkflowId(fleet, unit), look: `refit unit status ${unit}` };
      return commandRun(await use(), { ...target, fleet, upgrade: null }, command);
    },
    watch: (run, watcher, signal) => watch({ look: () => look(run), isOver: isRunOver }, watcher, signal),
  };
}
