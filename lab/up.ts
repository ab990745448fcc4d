import { mkdir } from 'node:fs/promises';
import { isApiAlive, startApi } from './api.ts';
import { ensureAuthority } from './certificates.ts';
import { needPrograms } from './debian.ts';
import { end, isAlive } from './detached.ts';
import { labContainers, labFolders } from './docker.ts';
import { ensureEngine } from './engine.ts';
import { grantRights, waitForEtcd } from './etcd.ts';
import { ensureFleetIdentities } from './etcd-identities.ts';
import { writeFleetFile } from './fleet-file.ts';
import { ensureHaproxy } from './haproxy.ts';
import { ensureHostImage } from './host-image.ts';
import { ensureHost, type HostContext } from './host.ts';
import { ensureNetwork } from './network.ts';
import { containerName, type LabPaths } from './paths.ts';
import { checkHosts, planLab } from './plan.ts';
import type { Say } from './programs.ts';
import { ensureRegistry } from './registry.ts';
import { readState, writeState, type LabState } from './state.ts';
import { ensureTemporalCli } from './temporal-cli.ts';
import { isTemporalAlive, startTemporal, waitForTemporal } from './temporal.ts';
import { ensureUpgrader } from './upgrader.ts';
import { ensureTemplate } from './vm/template.ts';
import { startWorker } from './worker.ts';

export type UpOptions = {
  /** How many hosts; those there are, or four, when nothing is said. */
  readonly hosts?: number;
  /** Whether a worker is started; it is, unless told otherwise. */
  readonly worker?: boolean;
  /** Whether etcd takes certificates only; as before, or not in a new lab, when nothing is said. */
  readonly secure?: boolean;
  /** Whether hosts are virtual machines; as before, or not in a new lab, when nothing is said. */
  readonly vm?: boolean;
  /** Where worker and API run; as before, or as processes in a new lab, when nothing is said. */
  readonly upgrader?: UpgraderKind;
  readonly say?: Say;
};

export type UpgraderKind = 'processes' | 'containers';

export type UpResult =
  { readonly kind: 'up'; readonly state: LabState } | { readonly kind: 'refused'; readonly reason: string };

type Request = { readonly lab: string; readonly paths: LabPaths; readonly options: UpOptions; readonly say: Say };

/** Brings the lab up from wherever it is; what is there already is only looked at. */
export async function bringUp(request: Request): Promise<UpResult> {
  const { lab, paths, options, say } = request;
  const old = await readState(paths.stateFile);
  const refusal =
    checkHosts(lab, options.hosts, old?.hosts.length ?? 0) ??
    checkUpgrader(request, old) ??
    checkSecure(request, old) ??
    checkMachines(request, old);
  if (refusal !== undefined) return { kind: 'refused', reason: refusal };
  await ensureEngine(say);
  const conflict = await findConflict(lab, paths, old);
  if (conflict !== undefined) return { kind: 'refused', reason: conflict };
  await needPrograms(['openssl'], say);
  const [image, temporalCli] = await Promise.all([ensureHostImage(say), ensureTemporalCli(say)]);
  const planned = await prepare(request, old);
  const template = planned.vm ? await ensureTemplate(say) : null;
  const context = { state: planned, paths, image, template, containers: await labContainers(lab), say };
  const [, , , state] = await Promise.all([
    startHosts(context),
    ensureRegistry(context),
    ensureHaproxy(context),
    ensureTemporal(request, planned, temporalCli),
  ]);
  await waitForEtcd(state, paths);
  if (state.secure) await grantRights(paths, state);
  const changed = await writeFleetFile(paths, state);
  if (state.upgrader !== null) return { kind: 'up', state: await ensureUpgrader(request, state) };
  const worked = options.worker === false ? state : await ensureWorker(request, state, changed);
  return { kind: 'up', state: await ensureApi(request, worked, changed) };
}

/** What runs as processes is not moved into containers, nor back: runs are pinned to versions that processes don't have. */
function checkUpgrader({ lab, options }: Request, old: LabState | undefined): string | undefined {
  const { upgrader } = options;
  if (upgrader === undefined || old === undefined) return undefined;
  const now: UpgraderKind = old.upgrader === null ? 'processes' : 'containers';
  if (upgrader === now) return undefined;
  return `lab ${lab} has its upgrader as ${now}; take it down first with: refit lab down`;
}

/** Members that have found each other by http stay with it. */
function checkSecure({ lab, options }: Request, old: LabState | undefined): string | undefined {
  if (options.secure !== true || old === undefined || old.secure) return undefined;
  return `the etcd of lab ${lab} takes everybody; take it down first with: refit lab down`;
}

/** Containers don't become machines, nor the other way round. */
function checkMachines({ lab, options }: Request, old: LabState | undefined): string | undefined {
  const { vm, upgrader } = options;
  if (vm !== true) return undefined;
  if (upgrader === 'containers')
    return 'worker and API as containers on hosts need hosts that are containers themselves';
  if (old === undefined || old.vm) return undefined;
  return `the hosts of lab ${lab} are containers; take it down first with: refit lab down`;
}

/** The containers of a lab must be this folder's, and known to its state: else two labs would fight over them. */
async function findConflict(lab: string, paths: LabPaths, old: LabState | undefined): Promise<string | undefined> {
  const folders = await labFolders(lab);
  const foreign = folders.find((folder) => folder !== paths.folder);
  if (foreign !== undefined) {
    return `lab ${lab} is up already from ${foreign}; take it down there, or use another name: REFIT_LAB=…`;
  }
  if (old === undefined && folders.length > 0) {
    return `lab ${lab} has containers but its state ${paths.stateFile} is lost; first run: refit lab down`;
  }
  return undefined;
}

/** The state is on disk before the first container is made, so that whatever happens next can be found and removed. */
async function prepare({ lab, paths, options }: Request, old: LabState | undefined): Promise<LabState> {
  await mkdir(paths.folder, { recursive: true });
  await ensureAuthority(paths.tlsFolder, lab);
  await ensureFleetIdentities(paths.tlsFolder, lab);
  const subnet = await ensureNetwork(lab, paths.folder);
  const planned = await planLab(lab, subnet, { wanted: options.hosts, old, ...(options.vm === true && { vm: true }) });
  const isNew = old === undefined && options.upgrader === 'containers';
  const secure = planned.secure || (old === undefined && options.secure === true);
  const state = { ...planned, secure, ...(isNew ? { upgrader: { image: null, forwarder: null } } : {}) };
  await writeState(paths.stateFile, state);
  return state;
}

async function startHosts(context: HostContext): Promise<void> {
  const { lab, hosts, vm } = context.state;
  const missing = hosts.filter(({ name }) => context.containers.get(containerName(lab, name)) !== 'running');
  const takes = vm ? 'emulated machines: half a minute, one that boots a minute' : 'about a second each';
  if (missing.length > 0) context.say(`starting ${missing.map(({ name }) => name).join(', ')} (${takes})`);
  await Promise.all(hosts.map((host) => ensureHost(context, host)));
}

async function ensureTemporal({ paths, say }: Request, state: LabState, program: string): Promise<LabState> {
  const { process } = state.temporal;
  if (process !== null && isAlive(process) && (await isTemporalAlive(state))) return state;
  say('starting Temporal');
  return launchTemporal(paths, state, program);
}

/** Starts the server, remembers it, and returns when it answers. */
export async function launchTemporal(paths: LabPaths, state: LabState, program: string): Promise<LabState> {
  const process = startTemporal(program, state, paths);
  const next = { ...state, temporal: { ...state.temporal, process } };
  await writeState(paths.stateFile, next);
  await waitForTemporal(next, process, paths.temporalLog);
  return next;
}

/** A worker that runs is left alone, unless the fleet has changed under it. */
async function ensureWorker({ paths, say }: Request, state: LabState, fleetChanged: boolean): Promise<LabState> {
  const alive = state.workers.filter(isAlive);
  if (alive.length > 0 && !fleetChanged) return state;
  await Promise.all(alive.map((worker) => end(worker)));
  say(alive.length > 0 ? 'starting the worker again, since the fleet has changed' : 'starting the worker');
  return launchWorker(paths, { ...state, workers: [] });
}

/** Starts one more worker, remembers it, and returns when it takes work. */
export async function launchWorker(paths: LabPaths, state: LabState): Promise<LabState> {
  let next = state;
  await startWorker(paths, async (worker) => {
    next = { ...state, workers: [...state.workers.filter(isAlive), worker] };
    await writeState(paths.stateFile, next);
  });
  return next;
}

/** An API that runs is left alone, unless the fleet has changed under it. */
async function ensureApi({ paths, say }: Request, state: LabState, fleetChanged: boolean): Promise<LabState> {
  if (state.api === null) return state;
  const { process } = state.api;
  if (process !== null && !fleetChanged && (await isApiAlive(state))) return state;
  if (process !== null) await end(process);
  say('starting the API');
  return launchApi(paths, state);
}

/** Starts the API, remembers it, and returns when it answers. */
async function launchApi(paths: LabPaths, state: LabState): Promise<LabState> {
  const { api } = state;
  if (api === null) return state;
  let next = state;
  await startApi(paths, api.port, async (process) => {
    next = { ...state, api: { ...api, process } };
    await writeState(paths.stateFile, next);
  });
  return next;
}
