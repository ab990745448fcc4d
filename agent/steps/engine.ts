import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { z } from 'zod';
import { pause } from '../../drivers/pause.ts';
import { EngineError, type EngineAbout, type EngineDaemon } from '../../model/engine.ts';
import type { EngineStep } from '../../model/release.ts';
import { mustRun } from '../commands.ts';
import { ENGINE_PACKAGES } from '../dpkg-status.ts';
import type { Json, Probed, Verified } from '../ports.ts';
import {
  arePackagesThere,
  capturePackages,
  installPackages,
  newPackages,
  probePackages,
  putPackagesBack,
  verifyPackages,
} from './debian-packages.ts';
import { Earlier } from './earlier-file.ts';
import { captureEngineConfig, checkEngineConfig, putEngineConfigBack, writeLiveRestore } from './engine-config.ts';
import { awaitContainers, EarlierContainers, findMissing } from './engine-containers.ts';
import {
  captureUnits,
  ENGINE,
  EngineUnits,
  isToBeUp,
  isUnderWay,
  runEarlierProgram,
  settledUnit,
  settleUnits,
  wasUp,
} from './engine-units.ts';
import { readUnit } from './unit.ts';
import { nothingToSettle, type StepKind, type StepSite } from './kind.ts';

/** Longest until a running engine has taken a changed setting; ms. It takes a few hundred. */
const RELOAD_MS = 15_000;
const LOOK_MS = 100;
const SIGNAL_MS = 10_000;
/** Where an engine keeps images, volumes and containers. */
const DATA = '/var/lib/docker';
/** Containers that are looked after: their names and times are one record of the journal. A host has less. */
const MAX_CONTAINERS = 1_000;

const Before = EarlierContainers.extend({
  packages: z.json(),
  config: Earlier,
  units: EngineUnits,
  isLiveRestore: z.boolean(),
});
type Before = z.infer<typeof Before>;

/**
 * The Docker Engine's own packages. Containers run on while the engine is away, where it allows that; those that did not
 * are started again. What ran before and does not in the end is a failure. The agent itself needs no engine.
 */
export function engineKind(daemon: EngineDaemon): StepKind<EngineStep> {
  return {
    check: async (step, site) => {
      const before = site.before === null ? null : Before.parse(site.before);
      if (!(await arePackagesThere(step, before?.packages ?? null, site))) return false;
      if (await runEarlierProgram(site.signal)) return false;
      return before === null || (await findProblem(daemon, before, site.signal)) === null;
    },
    capture: (step, site) => capture(daemon, step, site),
    apply: async (step, site) => {
      const before = Before.parse(site.before);
      if (wasUp(before.units)) await keepContainers(daemon, before, site);
      await installPackages(step, before.packages, site);
      await bringBack({ daemon, step, site, before }, { mayBeRemoved: false });
    },
    verify: (step, site) => verify(daemon, step, site),
    undo: async (step, site) => {
      const before = Before.parse(site.before);
      await putPackagesBack(before.packages, site);
      await bringBack({ daemon, step, site, before }, { mayBeRemoved: true });
      // Last: without it the engine would have taken its containers along.
      if (wasUp(before.units) && !before.isLiveRestore) await setLiveRestore(daemon, false, site);
      putEngineConfigBack(before.config, site);
    },
    settle: nothingToSettle,
    probe: (step, site) => probe(daemon, step, site),
  };
}

async function capture(daemon: EngineDaemon, step: EngineStep, site: StepSite): Promise<Json> {
  const units = await captureUnits(site.signal);
  mkdirSync(site.undoFolder, { recursive: true });
  const config = await captureEngineConfig(site);
  const packages = capturePackages(step, site);
  refuseOrphanedData(newPackages(packages), site);
  if (!wasUp(units)) return { packages, config, units, isLiveRestore: false, running: [] };
  const { isLiveRestore, store } = await daemon.about(site.signal);
  const running = (await daemon.running(site.signal)).slice(0, MAX_CONTAINERS);
  return { packages, config, units, isLiveRestore, store, running };
}

/** Debian's package takes the whole folder along when it is purged, whoever filled it: an engine from elsewhere, or one before. */
function refuseOrphanedData(purged: readonly string[], { places }: StepSite): void {
  const isThere = existsSync(places.on(DATA)) && readdirSync(places.on(DATA)).length > 0;
  const engine = ENGINE_PACKAGES.find((name) => purged.includes(name));
  if (!isThere || engine === undefined) return;
  throw new Error(
    `${DATA} is filled, and ${engine}, which a way back would purge together with it, is not installed; install the package once by hand, or move the folder away`,
  );
}

/** Told before the engine goes: it takes this one setting while it runs. A swarm's engine can't, and stops its containers. */
async function keepContainers(daemon: EngineDaemon, before: Before, site: StepSite): Promise<void> {
  await settledUnit(ENGINE, site.signal);
  const about = await aboutOrNull(daemon, site.signal);
  // Away in the middle of its upgrade: it was told before that.
  if (about === null || about.isLiveRestore || about.isSwarm) return;
  if (await setLiveRestore(daemon, true, site)) return;
  // An engine that does not take a setting does not start with it either.
  putEngineConfigBack(before.config, site);
}

/** Whether the running engine took it. */
async function setLiveRestore(daemon: EngineDaemon, isOn: boolean, site: StepSite): Promise<boolean> {
  if ((await aboutOrNull(daemon, site.signal))?.isLiveRestore === isOn) return true;
  writeLiveRestore(site.places, isOn);
  const reload = ['systemctl', 'kill', '--signal=HUP', '--kill-who=main', ENGINE];
  await mustRun(reload, { timeoutMs: SIGNAL_MS, signal: site.signal });
  const until = performance.now() + RELOAD_MS;
  while (performance.now() < until) {
    if ((await aboutOrNull(daemon, site.signal))?.isLiveRestore === isOn) return true;
    await pause(LOOK_MS, site.signal);
  }
  return false;
}

async function aboutOrNull(daemon: EngineDaemon, signal: AbortSignal): Promise<EngineAbout | null> {
  try {
    return await daemon.about(signal);
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'unreachable') return null;
    throw error;
  }
}

type Engine = {
  readonly daemon: EngineDaemon;
  readonly step: EngineStep;
  readonly site: StepSite;
  readonly before: Before;
};

/** What was active runs what is installed now, and what ran runs again. */
async function bringBack(
  { daemon, step, site, before }: Engine,
  { mayBeRemoved }: { readonly mayBeRemoved: boolean },
): Promise<void> {
  const limits = { timeoutMs: step.timeoutMs, signal: site.signal };
  await settleUnits(before.units, limits);
  if (!(await isToBeUp(before.units, site.signal))) return;
  await awaitContainers(daemon, { earlier: before, mayBeRemoved }, limits);
}

async function findProblem(daemon: EngineDaemon, before: Before, signal: AbortSignal): Promise<string | null> {
  if (!(await isToBeUp(before.units, signal))) return null;
  return (await findMissing(daemon, { earlier: before, mayBeRemoved: false }, signal))?.what ?? null;
}

/** Which containers run is told, no more: a later step may have replaced one, or a job ended. */
async function verify(daemon: EngineDaemon, step: EngineStep, site: StepSite): Promise<Verified> {
  const { problem, measured } = await verifyPackages(step, site);
  const before = site.before === null ? null : Before.parse(site.before);
  const isUp = before === null ? wasUp(await captureUnits(site.signal)) : await isToBeUp(before.units, site.signal);
  if (!isUp) return { problem, measured };
  const about = await aboutOrNull(daemon, site.signal);
  if (about === null) return { problem: problem ?? 'the engine does not answer', measured };
  const counts = before === null ? {} : await countKept(daemon, before, site.signal);
  return { problem, measured: { ...measured, engine: about.version, 'live-restore': liveRestoreOf(about), ...counts } };
}

const liveRestoreOf = ({ isLiveRestore, isSwarm }: EngineAbout): string => {
  if (isSwarm) return 'no: a swarm’s engine stops its containers';
  return isLiveRestore ? 'yes' : 'no: the engine did not take the setting';
};

/** kept: the same container since the same start, so nothing of it was away. */
async function countKept(
  daemon: EngineDaemon,
  { running }: Before,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const now = new Map((await daemon.running(signal)).map(({ id, startedAt }) => [id, startedAt]));
  const kept = running.filter(({ id, startedAt }) => now.get(id) === startedAt).length;
  const restarted = running.filter(({ id }) => now.has(id)).length - kept;
  const gone = running.length - kept - restarted;
  return {
    'containers:kept': String(kept),
    'containers:restarted': String(restarted),
    ...(gone > 0 && { 'containers:gone': String(gone) }),
  };
}

async function probe(daemon: EngineDaemon, step: EngineStep, site: StepSite): Promise<Probed> {
  checkEngineConfig(site.places);
  const state = await readUnit(ENGINE, site.signal);
  if (isUnderWay(state)) return { ok: false, evidence: `${ENGINE} is ${state.activeState}; bring it up, or stop it` };
  const units = await captureUnits(site.signal);
  const packages = await probePackages(step, site);
  if (!packages.ok || !wasUp(units)) return packages;
  const { isSwarm } = await daemon.about(site.signal);
  const containers = isSwarm ? 'stop while it is away, since it is part of a swarm' : 'run on while it is away';
  return { ok: true, evidence: `${packages.evidence}; the engine’s containers ${containers}` };
}
