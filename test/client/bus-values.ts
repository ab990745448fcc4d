import type { HostOnBus } from '../../client/bus-view.ts';
import type { Alive, HostFacts, Report } from '../../model/bus.ts';
import type { Fleet } from '../../model/fleet.ts';
import { parseDigest, parseFleetId, parseHostId, parseUpgradeId } from '../../model/ids.ts';

export const RELEASE = { name: 'sample', version: '2.0.0', digest: parseDigest(`sha256:${'a'.repeat(64)}`) } as const;

const GIB = 1024 ** 3;

export const makeFacts = (changes: Partial<HostFacts> = {}): HostFacts => ({
  diskFreeBytes: 50 * GIB,
  diskTotalBytes: 100 * GIB,
  kernel: '6.1.0-18',
  architecture: 'x86_64',
  clockMs: 1_000,
  installed: RELEASE,
  agent: '0.1.0+abc',
  phase: 'done',
  packages: {},
  bootLoader: null,
  engine: null,
  drift: [],
  ...changes,
});

export function makeAlive(facts: Partial<HostFacts> = {}): Alive {
  const all = makeFacts(facts);
  return { v: 1, agent: '0.1.0+abc', bootId: 'boot', phase: all.phase, epoch: 1, facts: all };
}

export const makeReport = (changes: Partial<Report> = {}): Report => ({
  ...{ v: 1, upgrade: parseUpgradeId('lab-1'), epoch: 1, sequence: 1, action: 'install', phase: 'done' },
  ...{ refused: null, step: null, error: null, bootId: 'boot', agent: '0.1.0+abc', installed: RELEASE },
  ...{ measured: {}, probe: null, startedAt: 0, finishedAt: 1_000, changedAt: 1_000 },
  ...changes,
});

export const makeHostOnBus = (name: string): HostOnBus => ({
  host: {
    name: parseHostId(name),
    engine: { endpoint: 'tcp://127.0.0.1:1', tls: null },
    address: null,
    labels: {},
    carries: { etcd: null, upgrader: false, temporal: false },
  },
  order: null,
  report: null,
  alive: null,
});

export const makeFleet = (...names: readonly string[]): Fleet => ({
  fleet: parseFleetId('lab'),
  hosts: names.map((name) => makeHostOnBus(name).host),
  etcd: { endpoints: [], hostEndpoints: [], tls: null, hostTls: null },
  registries: {},
  loadBalancers: [],
  services: [],
  units: [],
  temporal: null,
});
