import { apiFiles, apiUrl, isApiAlive } from './api.ts';
import { isAlive } from './detached.ts';
import { engineVersion, labContainers } from './docker.ts';
import { etcdHealth } from './etcd.ts';
import { BALANCER_NAME, isHaproxyAlive, runtimeEndpoint, webUrl } from './haproxy.ts';
import { insideHost, systemState } from './host.ts';
import { containerName, type LabPaths } from './paths.ts';
import { REGISTRY_NAME, isRegistryAlive, registryEndpoint } from './registry.ts';
import { upgraderHosts, type LabHost, type LabState } from './state.ts';
import { isTemporalAlive, temporalAddress, temporalUi } from './temporal.ts';

export type HostStatus = {
  readonly name: string;
  readonly container: string;
  /** What systemd says of the host (running, degraded, starting); else what the engine says of its container, missing, or unknown without engine. */
  readonly state: string;
  readonly address: string;
  readonly ports: LabHost['ports'];
};

export type BalancerStatus = {
  readonly name: string;
  /** Of its runtime API. */
  readonly endpoint: string;
  /** Where requests come in. */
  readonly url: string;
  readonly alive: boolean;
};

export type ApiStatus = {
  readonly url: string;
  /** Has the token of its first admin. */
  readonly tokenFile: string;
  readonly pid: number | null;
  readonly alive: boolean;
};

export type LabStatus = {
  readonly lab: string;
  /** Whether its hosts are virtual machines. */
  readonly vm: boolean;
  readonly hosts: readonly HostStatus[];
  readonly registry: { readonly name: string; readonly endpoint: string; readonly alive: boolean };
  /** null: a lab of before there was one. */
  readonly balancer: BalancerStatus | null;
  readonly etcd: readonly { readonly name: string; readonly healthy: boolean }[];
  readonly temporal: {
    readonly address: string;
    readonly ui: string;
    readonly alive: boolean;
    readonly pid: number | null;
  };
  readonly worker: { readonly pid: number | null; readonly alive: boolean };
  readonly workers: readonly { readonly pid: number; readonly alive: boolean }[];
  /** null: a lab of before there was one, or whose hosts carry it. */
  readonly api: ApiStatus | null;
  /** Hosts that carry worker and API as containers; null: they are processes on the machine. */
  readonly upgrader: { readonly hosts: readonly string[]; readonly image: string | null } | null;
};

/** Asks every part of the lab how it is. */
export async function labStatus(state: LabState, paths: Pick<LabPaths, 'folder'>): Promise<LabStatus> {
  const engine = await engineVersion();
  const containers = 'version' in engine ? await labContainers(state.lab) : undefined;
  const [hosts, balancer, etcd, registryAlive, temporalAlive, api] = await Promise.all([
    Promise.all(state.hosts.map((host) => hostStatus(state, host, containers))),
    balancerStatus(state),
    etcdHealth(state, paths),
    isRegistryAlive(state.registry.port),
    isTemporalAlive(state),
    apiStatus(state, paths),
  ]);
  const workers = state.workers.map((worker) => ({ pid: worker.pid, alive: isAlive(worker) }));
  const worker = workers.find(({ alive }) => alive) ?? workers.at(-1);
  return {
    lab: state.lab,
    vm: state.vm,
    hosts,
    registry: { name: REGISTRY_NAME, endpoint: registryEndpoint(state.registry.port), alive: registryAlive },
    balancer,
    etcd,
    temporal: {
      address: temporalAddress(state),
      ui: temporalUi(state),
      alive: temporalAlive,
      pid: state.temporal.process?.pid ?? null,
    },
    worker: { pid: worker?.pid ?? null, alive: worker?.alive ?? false },
    workers,
    api,
    upgrader: upgraderStatus(state),
  };
}

async function apiStatus(state: LabState, paths: Pick<LabPaths, 'folder'>): Promise<ApiStatus | null> {
  if (state.api === null || state.upgrader !== null) return null;
  const { port, process } = state.api;
  const alive = await isApiAlive(state);
  return { url: apiUrl(port), tokenFile: apiFiles(paths).token, pid: process?.pid ?? null, alive };
}

function upgraderStatus(state: LabState): LabStatus['upgrader'] {
  if (state.upgrader === null) return null;
  return { hosts: upgraderHosts(state).map(({ name }) => name), image: state.upgrader.image };
}

async function balancerStatus({ balancer }: LabState): Promise<BalancerStatus | null> {
  if (balancer === null) return null;
  const alive = await isHaproxyAlive(balancer);
  return { name: BALANCER_NAME, endpoint: runtimeEndpoint(balancer), url: webUrl(balancer), alive };
}

async function hostStatus(lab: LabState, host: LabHost, containers?: ReadonlyMap<string, string>): Promise<HostStatus> {
  const container = containerName(lab.lab, host.name);
  const seen = containers === undefined ? 'unknown' : (containers.get(container) ?? 'missing');
  const state = seen === 'running' ? await systemState(insideHost(lab, host.name)) : seen;
  return { name: host.name, container, state, address: host.address, ports: host.ports };
}
