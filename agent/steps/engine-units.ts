import { readlinkSync } from 'node:fs';
import { z } from 'zod';
import { pause } from '../../drivers/pause.ts';
import { mustRun, runCommand } from '../commands.ts';
import { isRunning, lastLog, readUnit, type UnitState } from './unit.ts';

/** In the order in which they are started. By its socket an engine is started by its first client. */
const UNITS = ['containerd.service', 'docker.socket', 'docker.service'] as const;
export const ENGINE = 'docker.service';
/** Longest call to the service manager that starts nothing; ms. An engine with many containers takes its time to stop. */
const SYSTEMCTL_MS = 120_000;

/** How long one that is on its way up or down is waited for, and how often it is looked at; ms. After a boot it waits for the network. */
const SETTLE_MS = 120_000;
const LOOK_MS = 250;

export const EngineUnits = z.array(z.object({ unit: z.enum(UNITS), was: z.enum(['absent', 'stopped', 'running']) }));
export type EngineUnits = z.infer<typeof EngineUnits>;
type EngineUnit = EngineUnits[number];

/** Throws when one is masked: nothing could start it again. */
export const captureUnits = (signal: AbortSignal): Promise<EngineUnits> =>
  Promise.all(UNITS.map((unit) => captureUnit(unit, signal)));

async function captureUnit(unit: EngineUnit['unit'], signal: AbortSignal): Promise<EngineUnit> {
  const { loadState, activeState } = await settledUnit(unit, signal);
  if (loadState === 'masked') {
    throw new Error(`${unit} is masked, so the engine could not be started again: systemctl unmask ${unit}`);
  }
  if (loadState === 'not-found') return { unit, was: 'absent' };
  return { unit, was: isRunning(activeState) ? 'running' : 'stopped' };
}

/** Once nothing is under way with it: right after a boot it is not running yet, which is not to be stopped. */
export async function settledUnit(unit: EngineUnit['unit'], signal: AbortSignal): Promise<UnitState> {
  const startedAt = performance.now();
  for (;;) {
    const state = await readUnit(unit, signal);
    if (!state.isQueued && !isUnderWay(state)) return state;
    if (performance.now() - startedAt >= SETTLE_MS) {
      const seconds = SETTLE_MS / 1_000;
      throw new Error(`${unit} is ${state.activeState}/${state.subState} for ${seconds} s; bring it up, or stop it`);
    }
    await pause(LOOK_MS, signal);
  }
}

/** On its way up or down. */
export const isUnderWay = ({ activeState }: UnitState): boolean =>
  activeState === 'activating' || activeState === 'deactivating';

/** Whether the engine ran, not just its socket. */
export const wasUp = (units: EngineUnits): boolean =>
  units.some(({ unit, was }) => unit === ENGINE && was === 'running');

/** One that was stopped stays so; one that the packages brought is started. */
export async function isToBeUp(units: EngineUnits, signal: AbortSignal): Promise<boolean> {
  const was = units.find(({ unit }) => unit === ENGINE)?.was ?? 'absent';
  if (was !== 'absent') return was === 'running';
  return (await readUnit(ENGINE, signal)).loadState === 'loaded';
}

/** A host may forbid packages to restart anything (policy-rc.d), and an agent may die before it did: then what was replaced still runs. */
export async function runEarlierProgram(signal: AbortSignal): Promise<boolean> {
  const units = await Promise.all(UNITS.map((unit) => readUnit(unit, signal)));
  return units.some(({ mainPid }) => isReplaced(mainPid));
}

/** All as they were, on the programs that are installed now. Throws with the unit's last words when one does not start. */
export async function settleUnits(
  units: EngineUnits,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  await mustRun(['systemctl', 'daemon-reload'], { timeoutMs: SYSTEMCTL_MS, signal });
  for (const { unit, was } of units) {
    const { loadState, activeState, mainPid } = await readUnit(unit, signal);
    if (loadState === 'not-found') continue;
    const isUp = isRunning(activeState);
    if (was === 'stopped') {
      if (activeState !== 'inactive') await mustRun(['systemctl', 'stop', unit], { timeoutMs: SYSTEMCTL_MS, signal });
    } else if (!isUp || isReplaced(mainPid)) {
      await start(unit, isUp ? 'restart' : 'start', { timeoutMs, signal });
    }
  }
}

async function start(
  unit: string,
  verb: 'start' | 'restart',
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  // Earlier failures must not count against this start.
  await runCommand(['systemctl', 'reset-failed', unit], { timeoutMs: SYSTEMCTL_MS, signal: limits.signal });
  try {
    await mustRun(['systemctl', verb, unit], limits);
  } catch (error) {
    limits.signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${why}; journal: ${await lastLog(unit)}`, { cause: error });
  }
}

/** A process whose program's file was replaced since it started; the kernel says so. A socket has none. */
function isReplaced(pid: number): boolean {
  if (pid === 0) return false;
  try {
    return readlinkSync(`/proc/${pid}/exe`).endsWith(' (deleted)');
  } catch {
    // It ended in between: what is started next is the new one.
    return false;
  }
}
