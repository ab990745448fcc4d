import { z } from 'zod';
import type { UnitStep } from '../../model/release.ts';
import { mustRun, runCommand } from '../commands.ts';
import type { StepKind, StepSite } from './kind.ts';

/** Longest time for one call to the service manager; ms. A unit's own start and stop limits are shorter. */
const SYSTEMCTL_MS = 120_000;
const READ_MS = 10_000;

/** The unit before the step: the invocation's id changes with every start. */
const Before = z.object({ fileState: z.string(), isActive: z.boolean(), invocation: z.string() });

export type UnitState = {
  readonly loadState: string;
  readonly fileState: string;
  readonly activeState: string;
  readonly subState: string;
  readonly invocation: string;
  readonly needsReload: boolean;
  /** 0: none runs. */
  readonly mainPid: number;
  /** It is to be started or stopped, and waits for its turn. */
  readonly isQueued: boolean;
};

/** A unit of the service manager: enabled or not, started, restarted once, or stopped. */
export const unitKind: StepKind<UnitStep> = {
  check: async (step, site) => {
    const state = await readUnit(step.unit, site.signal);
    if (state.needsReload || differenceOf(step, state) !== null) return false;
    if (step.state !== 'restarted') return true;
    // Restarted once in this upgrade: another invocation than the one noted before.
    return site.before !== null && Before.parse(site.before).invocation !== state.invocation;
  },
  capture: async (step, site) => {
    const { fileState, activeState, invocation } = await readUnit(step.unit, site.signal);
    return { fileState, isActive: isRunning(activeState), invocation };
  },
  apply: async (step, site) => {
    await systemctl(site, 'daemon-reload');
    await systemctl(site, step.enabled ? 'enable' : 'disable', step.unit);
    if (step.state === 'stopped') {
      await systemctl(site, 'stop', step.unit);
      return;
    }
    await start(site, step.unit, step.state === 'restarted' ? 'restart' : 'start');
  },
  verify: async (step, site) => {
    const state = await readUnit(step.unit, site.signal);
    const problem = differenceOf(step, state);
    return { problem, measured: { [`unit:${step.unit}`]: `${state.activeState}/${state.subState}` } };
  },
  // Stopped, because what it runs may be undone next; `settle` starts it again.
  undo: async (step, site) => {
    const before = Before.parse(site.before);
    const state = await readUnit(step.unit, site.signal);
    if (state.loadState === 'not-found') return;
    if (isRunning(state.activeState)) await systemctl(site, 'stop', step.unit);
    const wasEnabled = isEnabled(before.fileState);
    if (isEnabled(state.fileState) !== wasEnabled) await systemctl(site, wasEnabled ? 'enable' : 'disable', step.unit);
  },
  settle: async (step, site) => {
    await systemctl(site, 'daemon-reload');
    if (Before.parse(site.before).isActive) await start(site, step.unit, 'start');
  },
  probe: async (step, site) => {
    const end = await runCommand(['systemctl', 'is-system-running'], { timeoutMs: READ_MS, signal: site.signal });
    const state = end.stdout.trim();
    const ok = ['running', 'degraded', 'starting', 'initializing'].includes(state);
    return {
      ok,
      evidence: `the service manager is ${state === '' ? 'not answering' : state}; ${step.unit} was not touched`,
    };
  },
};

async function start(site: StepSite, unit: string, verb: 'start' | 'restart'): Promise<void> {
  // Earlier failures must not count against this start.
  await runCommand(['systemctl', 'reset-failed', unit], { timeoutMs: READ_MS, signal: site.signal });
  try {
    await systemctl(site, verb, unit);
  } catch (error) {
    site.signal.throwIfAborted();
    throw new Error(`${messageOf(error)}; journal: ${await lastLog(unit)}`, { cause: error });
  }
  const state = await readUnit(unit, site.signal);
  if (!isRunning(state.activeState)) {
    throw new Error(`${unit} was started and is ${state.activeState}/${state.subState}: ${await lastLog(unit)}`);
  }
}

export async function readUnit(unit: string, signal?: AbortSignal): Promise<UnitState> {
  const names = [
    'LoadState',
    'UnitFileState',
    'ActiveState',
    'SubState',
    'InvocationID',
    'NeedDaemonReload',
    'MainPID',
    'Job',
  ];
  const { stdout } = await mustRun(['systemctl', 'show', `--property=${names.join(',')}`, '--', unit], {
    timeoutMs: READ_MS,
    signal,
  });
  const values = new Map(
    stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const value = (name: string): string => values.get(name) ?? '';
  return {
    loadState: value('LoadState'),
    fileState: value('UnitFileState'),
    activeState: value('ActiveState'),
    subState: value('SubState'),
    invocation: value('InvocationID'),
    needsReload: value('NeedDaemonReload') === 'yes',
    mainPid: Number(value('MainPID')),
    isQueued: Number(value('Job')) !== 0,
  };
}

/** A unit that does its work once and ends is as it should be when it ended well: it is active then. */
export const isRunning = (activeState: string): boolean => activeState === 'active' || activeState === 'reloading';

function differenceOf(step: UnitStep, state: UnitState): string | null {
  const { unit } = step;
  if (state.loadState !== 'loaded') return `${unit} is ${state.loadState}`;
  if (isEnabled(state.fileState) !== step.enabled && isSwitchable(state.fileState)) {
    return `${unit} is ${state.fileState}, expected ${step.enabled ? 'enabled' : 'disabled'}`;
  }
  if (isRunning(state.activeState) !== (step.state !== 'stopped')) {
    return `${unit} is ${state.activeState}/${state.subState}, expected it ${step.state}`;
  }
  return null;
}

const isEnabled = (fileState: string): boolean => fileState === 'enabled' || fileState === 'enabled-runtime';

/** Static, generated and transient units have nothing to enable. */
const isSwitchable = (fileState: string): boolean => isEnabled(fileState) || fileState === 'disabled';

const systemctl = async (site: StepSite, ...args: readonly string[]): Promise<void> => {
  await mustRun(['systemctl', ...args], { timeoutMs: SYSTEMCTL_MS, signal: site.signal });
};

export async function lastLog(unit: string): Promise<string> {
  const command = ['journalctl', '--unit', unit, '--lines=5', '--no-pager', '--output=cat'];
  try {
    return (await runCommand(command, { timeoutMs: READ_MS })).stdout.trim();
  } catch (error) {
    return `not readable (${messageOf(error)})`;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
