import { setTimeout as sleep } from 'node:timers/promises';
import type { Ports } from '../activities/ports.ts';
import * as values from '../drivers/bus-values.ts';
import { createEngine } from '../drivers/docker/engine.ts';
import { createEtcdBus } from '../drivers/etcd/bus.ts';
import { loadFleet } from '../drivers/fleet-file.ts';
import { createHaproxy } from '../drivers/haproxy/balancer.ts';
import { pause } from '../drivers/pause.ts';
import { registryCredentials } from '../drivers/registry-credentials.ts';
import { createRegistry } from '../drivers/registry.ts';
import { openSlotBalancer } from '../drivers/slot-balancers.ts';
import { versions } from '../drivers/versions.ts';
import type { Engine } from '../model/engine.ts';
import { haproxyOf, type Fleet } from '../model/fleet.ts';
import type { HostId } from '../model/ids.ts';
import type { LoadBalancer } from '../model/load-balancer.ts';
import type { Clock } from '../model/ports.ts';
import type { SlotBalancer } from '../model/slot-balancer.ts';
import type { Temporal } from './connection.ts';
import { readEnvFile } from '../drivers/env-file.ts';
import { askEtcdHealth } from './etcd-health.ts';
import { readUnitFile } from './unit-file.ts';
import { noWorkerVersions, openWorkerVersions } from './versions.ts';

export type WorkerLog = (message: string, fields: Readonly<Record<string, unknown>>) => void;

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => (signal === undefined ? sleep(ms) : pause(ms, signal)),
};

export type PortsOptions = {
  readonly fleetFile: string;
  readonly log: WorkerLog;
  /** Whose worker versions are asked about; null: nobody asks. */
  readonly temporal: Temporal | null;
};

/** The real things, for the fleet file as it is now; hosts are looked up again at each use. */
export function createPorts({ fleetFile, log, temporal }: PortsOptions): {
  readonly ports: Ports;
  readonly close: () => void;
} {
  const fleet = loadFleet(fleetFile);
  const { endpoints, tls } = fleet.etcd;
  const bus = createEtcdBus({ endpoints, tls, log });
  const ports: Ports = {
    bus,
    clock: systemClock,
    values,
    registry: createRegistry(fleet.registries),
    engine: rememberEngines(() => loadFleet(fleetFile)),
    loadBalancer: (name) => findLoadBalancer(loadFleet(fleetFile), name),
    slotBalancer: rememberSlotBalancers(() => loadFleet(fleetFile)),
    readUnitFile,
    readEnvFile,
    loadFleet: () => loadFleet(fleetFile),
    registryAuth: async (image) => registryCredentials(fleet.registries, image),
    versions,
    workerVersions: temporal === null ? noWorkerVersions : openWorkerVersions(temporal, fleet.fleet),
    etcdHealth: async (signal) => askEtcdHealth(fleet.etcd, signal),
  };
  return { ports, close: () => bus.close() };
}

function findLoadBalancer({ loadBalancers }: Fleet, name: string): LoadBalancer {
  const found = haproxyOf({ loadBalancers }, name);
  if (found !== null) return createHaproxy(found);
  const known = loadBalancers.filter(({ type }) => type === 'haproxy').map((balancer) => balancer.name);
  const those = known.length === 0 ? 'none' : known.join(', ');
  throw new Error(`load balancer ${name} of type haproxy is not in the fleet file any more; it has ${those}`);
}

/** One a load balancer, since AWS's client keeps its credentials, and a new one when the fleet file says something else of it. */
function rememberSlotBalancers(load: () => Fleet): (name: string) => SlotBalancer {
  const opened = new Map<string, { readonly access: string; readonly balancer: SlotBalancer }>();
  return (name) => {
    const fleet = load();
    const access = JSON.stringify(fleet.loadBalancers.filter((balancer) => balancer.name === name));
    const remembered = opened.get(name);
    if (remembered?.access === access) return remembered.balancer;
    const balancer = openSlotBalancer(fleet, name);
    opened.set(name, { access, balancer });
    return balancer;
  };
}

/** One engine a host, and a new one when the fleet file names another endpoint. */
function rememberEngines(load: () => Fleet): (host: HostId) => Engine {
  const engines = new Map<HostId, { readonly access: string; readonly engine: Engine }>();
  return (host) => {
    const found = load().hosts.find(({ name }) => name === host);
    if (found === undefined) throw new Error(`host ${host} is not in the fleet file any more`);
    const access = JSON.stringify(found.engine);
    const remembered = engines.get(host);
    if (remembered?.access === access) return remembered.engine;
    const engine = createEngine(found.engine, host);
    engines.set(host, { access, engine });
    return engine;
  };
}
