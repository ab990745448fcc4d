import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { Activities, OrderInput } from '../../activities/activities.ts';
import { createActivities } from '../../activities/create.ts';
import type { Ports } from '../../activities/ports.ts';
import * as values from '../../drivers/bus-values.ts';
import { versions } from '../../drivers/versions.ts';
import type { HostId } from '../../model/ids.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import type { Bus, Clock } from '../../model/ports.ts';
import type { Fleet, FleetLoadBalancer, FleetUnit } from '../../model/fleet.ts';
import { RegistryError, type ReadRelease, type ResolvedImage } from '../../model/registry.ts';
import type { Service } from '../../model/service.ts';
import { systemClock } from '../../worker/ports.ts';
import { FakeAgent } from '../fakes/agent.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { fleet, fleetId, hostIds } from '../fakes/fleet.ts';
import { FakeLoadBalancer } from '../fakes/load-balancer.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { readRelease, releaseRef } from '../fakes/release.ts';
import { FakeWorkerVersions } from '../fakes/fake-worker-versions.ts';
import { FakeSlotBalancer } from '../fakes/slot-balancer.ts';

export const upgradeId = parseUpgradeId('lab-1');
export const run = { fleet: fleetId, upgrade: upgradeId };
const EDGE: FleetLoadBalancer = { name: 'edge', type: 'haproxy', endpoint: 'unix:///edge.sock' };
/** Longest silence in these tests; ms. Above the fakes' lease of 300 ms, and long for a machine under load. */
export const SILENCE_MS = 1_500;

export type Harness = {
  readonly store: MemoryBus;
  readonly bus: Bus;
  readonly hosts: readonly HostId[];
  readonly agents: readonly FakeAgent[];
  readonly engines: ReadonlyMap<HostId, FakeEngine>;
  readonly activities: Performed;
  readonly registry: HarnessRegistry;
  /** The fleet file's one load balancer. */
  readonly edge: FakeLoadBalancer;
  /** Those that the fleet file names. */
  readonly services: Service[];
  readonly units: FleetUnit[];
  /** Files of variables by their path; others can't be read. */
  readonly envFiles: Map<string, Readonly<Record<string, string>>>;
  readonly etcd: { unhealthy: string[] };
  /** Hosts that carry the upgrader, and its workers as Temporal knows them. */
  readonly upgraders: Set<HostId>;
  readonly workers: FakeWorkerVersions;
  readonly agent: (index: number) => FakeAgent;
  readonly engine: (index: number) => FakeEngine;
  /** Activities of a second worker on the same bus. */
  readonly another: () => Performed;
  readonly close: () => void;
};

/** May be changed. */
export type HarnessRegistry = {
  /** Under every reference but those of `earlier`. */
  read: ReadRelease;
  /** Releases by their digest, and why one can't be had. */
  readonly earlier: Map<string, ReadRelease | RegistryError>;
  readonly missing: Set<string>;
  /** Of every image that is there, bytes; null: it does not say. */
  sizeBytes: number | null;
  /** What a tag means. */
  resolve: (reference: string) => ResolvedImage;
};

/** The activities as plain functions, to be handed about. */
export type Performed<All = Activities> = {
  readonly [Name in keyof All]: All[Name] extends (input: infer Input) => Promise<infer Output>
    ? (input: Input) => Promise<Output>
    : never;
};

/** A fleet of fakes on an etcd in memory, or on the given bus. */
export function startHarness(count: number, connect?: () => Bus, clock: Clock = systemClock): Harness {
  const store = new MemoryBus();
  const open = connect ?? ((): Bus => store.connect());
  const buses: Bus[] = [];
  const newBus = (): Bus => {
    const bus = open();
    buses.push(bus);
    return bus;
  };
  const hosts = hostIds(count);
  const engines = new Map(hosts.map((host) => [host, new FakeEngine(host)]));
  const registry: Harness['registry'] = {
    ...{ read: readRelease(), earlier: new Map(), missing: new Set(), sizeBytes: 1_000 },
    resolve: () => registry.read.ref,
  };
  const edge = new FakeLoadBalancer('edge');
  const services: Service[] = [];
  const units: FleetUnit[] = [];
  const envFiles: Harness['envFiles'] = new Map();
  const etcd = { unhealthy: [] as string[] };
  const workers = new FakeWorkerVersions();
  const upgraders = new Set<HostId>();
  const ports = (bus: Bus): Ports => ({
    bus,
    values,
    clock,
    registry: {
      resolve: async (reference) => Promise.resolve().then(() => registry.resolve(reference)),
      readRelease: async (reference) => {
        const found = registry.earlier.get(reference.slice(reference.indexOf('@') + 1)) ?? registry.read;
        return found instanceof RegistryError ? Promise.reject(found) : Promise.resolve(found);
      },
      exists: async (image) => Promise.resolve(!registry.missing.has(image)),
      sizeOf: async (image) => Promise.resolve(registry.missing.has(image) ? null : registry.sizeBytes),
    },
    engine: (host) => engines.get(host) ?? new FakeEngine(host),
    loadBalancer: () => edge,
    readEnvFile: async (file) => {
      const found = envFiles.get(file);
      return found === undefined ? Promise.reject(new Error(`${file} can't be read`)) : Promise.resolve(found);
    },
    loadFleet: () => ({ ...carrying(fleet(count), upgraders), loadBalancers: [EDGE], services, units }),
    slotBalancer: (name) => new FakeSlotBalancer(name),
    readUnitFile: async (path) => Promise.reject(new Error(`${path} can't be read`)),
    registryAuth: async () => Promise.resolve(null),
    versions,
    workerVersions: workers,
    etcdHealth: async () => Promise.resolve({ members: 3, unhealthy: etcd.unhealthy }),
  });
  const bus = newBus();
  const agents = hosts.map((host) => new FakeAgent(newBus(), { fleet: fleetId, host }));
  return {
    ...{ store, bus, hosts, agents, engines, registry, etcd, edge, services, units, envFiles },
    ...{ workers, upgraders },
    activities: createActivities(ports(bus)),
    agent: (index) => at(agents, index),
    engine: (index) => engines.get(at(hosts, index)) ?? new FakeEngine('none'),
    another: () => createActivities(ports(newBus())),
    close: () => {
      for (const agent of agents) agent.kill();
      for (const one of buses) one.close();
    },
  };
}

const carrying = (fleet: Fleet, upgraders: ReadonlySet<HostId>): Fleet => ({
  ...fleet,
  hosts: fleet.hosts.map((host) => ({ ...host, carries: { ...host.carries, upgrader: upgraders.has(host.name) } })),
});

/** Goes so many times as fast, for waits that are long by design. */
export const fastClock = (times: number, start = Date.now()): Clock => ({
  now: () => start + (Date.now() - start) * times,
  sleep: async (ms, signal) => systemClock.sleep(ms / times, signal),
});

/** Refusals are what many of these tests are about: the SDK's warnings of them are noise here. */
export const newEnvironment = (
  info: { readonly attempt?: number; readonly heartbeatDetails?: unknown } = {},
): MockActivityEnvironment => new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });

/** Runs an activity as Temporal would; `beats` gets what it heartbeats. */
export async function perform<Input, Output>(
  activity: (input: Input) => Promise<Output>,
  input: Input,
  { env = newEnvironment(), beats = [] as unknown[] } = {},
): Promise<Output> {
  env.on('heartbeat', (details: unknown) => beats.push(details));
  return env.run(activity, input);
}

/** An order of this run for the host, with what is usual. */
export const orderFor = (
  host: HostId,
  changes: { readonly epoch?: number; readonly sequence?: number } = {},
): OrderInput => ({
  ...run,
  host,
  release: releaseRef(),
  from: '1.0.0',
  action: 'install',
  edited: null,
  epoch: 1,
  sequence: 1,
  deadlineMs: 60_000,
  silenceMs: SILENCE_MS,
  ...changes,
});

export function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`there is no item ${index} of ${items.length}`);
  return item;
}
