import type { FleetId, UpgradeId } from '../model/ids.ts';
import { isOver, type Progress } from '../model/upgrade.ts';
import { commandUpgrade, type Command, type CommandOutcome } from './command-upgrade.ts';
import type { TemporalConnection } from './connection.ts';
import { finalProgress } from './final-progress.ts';
import { findUpgrade, listUpgrades, type FoundUpgrade } from './find-upgrade.ts';
import { liveProgress } from './live-progress.ts';
import type { SharedTemporal } from './shared-temporal.ts';
import { startUpgrade, type StartOutcome, type StartRequest } from './start-upgrade.ts';
import { pause, watch, WATCH_INTERVAL_MS, type Watcher } from './watch.ts';

export type { Command, CommandOutcome } from './command-upgrade.ts';
export type { FoundUpgrade } from './find-upgrade.ts';
export type { StartOutcome, StartRequest } from './start-upgrade.ts';

/** Tries to see a run whose end and last answer cross each other. */
const LOOKS_AT_AN_END = 20;

/** How people and programs speak to the upgrades of one fleet. Throws Unreachable when Temporal or a worker doesn't answer. */
export interface Upgrades {
  /** Starts an upgrade, unless the fleet has one at work. */
  start(request: StartRequest): Promise<StartOutcome>;
  /** The fleet's upgrades, the latest first. */
  list(): Promise<readonly FoundUpgrade[]>;
  /** Where an upgrade is, over or not; null if there is none of that name. */
  progress(id: UpgradeId): Promise<Progress | null>;
  /** Asks a running upgrade for something; its own rules may refuse. */
  command(id: UpgradeId, command: Command): Promise<CommandOutcome>;
  /** Calls back with every look at the upgrade until it is over, `onProgress` says stop, or the signal fires. */
  watch(id: UpgradeId, watcher: Watcher<Progress>, signal: AbortSignal): Promise<Progress | null>;
}

/** Straight by the fleet's Temporal. */
export function upgradesOf(fleet: FleetId, { use }: SharedTemporal): Upgrades {
  const progress = async (id: UpgradeId): Promise<Progress | null> => upgradeProgress(await use(), fleet, id);
  return {
    start: async (request) => startUpgrade(await use(), fleet, request),
    list: async () => listUpgrades(await use(), fleet),
    progress,
    command: async (id, command) => commandUpgrade(await use(), { fleet, upgrade: id }, command),
    watch: (id, watcher, signal) => watch({ look: () => progress(id), isOver: isProgressOver }, watcher, signal),
  };
}

async function upgradeProgress(temporal: TemporalConnection, fleet: FleetId, id: UpgradeId): Promise<Progress | null> {
  for (let look = 0; look < LOOKS_AT_AN_END; look++) {
    const found = await findUpgrade(temporal, fleet, id);
    if (found === null) return null;
    if (!found.isRunning) return finalProgress(temporal, fleet, found);
    const live = await liveProgress(temporal, fleet);
    // Between the two calls it may have ended, and another one begun: look again.
    if (live.id === id && !isOver(live.state)) return live;
    await pause(WATCH_INTERVAL_MS / 2, null);
  }
  throw new Error(`upgrade ${id} of fleet ${fleet} says that it is over, but its workflow does not end`);
}

const isProgressOver = ({ state }: Progress): boolean => isOver(state);
