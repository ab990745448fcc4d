import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { parseFleetId, parseUnitId, parseUpgradeId, type FleetId } from '../../model/ids.ts';
import type { ReleaseRef } from '../../model/release.ts';
import {
  defaultUnitPolicy,
  publishedPort,
  slots,
  unitContainerName,
  type Slot,
  type UnitPolicy,
} from '../../model/unit.ts';
import type { UnitUpgradeInput } from '../../model/unit-upgrade.ts';
import { taskQueue, unitWorkflowId, upgradeUnitType } from '../../workflows/messages.ts';
import { UnitUpgrade } from '../workflows/unit-upgrade.ts';
import { keepWorker, type KeptWorker, type WorkerProgram } from './kept-worker.ts';
import type { SmallUnit, Workshop } from './small-unit.ts';
import { HOST_ADDRESS, hostNames, type TwoHosts } from './two-hosts.ts';
import { startUnitBalancer, type Server, type UnitBalancer } from './unit-balancer.ts';

/** One fleet over the two hosts, with one unit, a load balancer and a worker of its own. */
export type UnitLane = AsyncDisposable & {
  readonly unit: SmallUnit['unit'];
  readonly balancer: UnitBalancer;
  readonly worker: KeptWorker;
  readonly publish: (wish: Pick<SmallUnit, 'version' | 'webMembers' | 'hasJobs'>) => Promise<ReleaseRef>;
  readonly upgrade: (release: ReleaseRef, policy?: Partial<UnitPolicy>) => Promise<UnitUpgrade>;
  /** What jobs said of themselves, in their order. */
  readonly notes: () => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
};

/** What all lanes of a file have in common. */
export type LaneSite = {
  readonly hosts: TwoHosts;
  readonly workshop: Workshop;
  readonly program: WorkerProgram;
  readonly client: Client;
  readonly temporal: string;
};

export type LaneOptions = {
  readonly unit: string;
  /** Of the load balancer's runtime API, as the worker is told it; absent: its own. */
  readonly endpoint?: (balancer: UnitBalancer) => Promise<string>;
};

/** Two members of a slot, and no more. */
const WEB_MEMBERS = 2;

/** Nothing is waited for that a test does not ask for. */
const quickPolicy: UnitPolicy = {
  ...defaultUnitPolicy,
  soak: { durationMs: 1_000, maxErrorRate: 0.05, minRequests: 20, windowMs: 2_000, unhealthyMs: 5_000 },
  keepMs: 0,
  drainMs: 10_000,
};

export async function openLane(site: LaneSite, { unit: name, endpoint }: LaneOptions): Promise<UnitLane> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-lane-'));
  const unit = parseUnitId(name);
  const fleet = parseFleetId(`${name}-${process.pid}`);
  const ports = await unitPorts();
  const balancer = await startUnitBalancer(unit, {
    blue: servers(unit, ports, 'blue'),
    green: servers(unit, ports, 'green'),
  });
  const text = fleetText(site, {
    fleet,
    unit,
    map: balancer.map,
    endpoint: await (endpoint?.(balancer) ?? balancer.endpoint),
  });
  await writeFile(join(folder, 'key'), 'a key');
  await writeFile(join(folder, 'fleet.yaml'), text);
  const worker = await keepWorker({ program: site.program, fleetFile: join(folder, 'fleet.yaml'), folder });
  const close = async (): Promise<void> => {
    await worker.close().finally(() => balancer.close());
    await rm(folder, { recursive: true, force: true });
  };
  return {
    ...{ unit, balancer, worker, close, [Symbol.asyncDispose]: close },
    publish: (wish) => site.workshop.publish({ ...wish, unit, ports }),
    upgrade: (release, policy = {}) =>
      start(site.client, { fleet, unit, release, policy: { ...quickPolicy, ...policy } }),
    notes: async () => {
      const answer = await fetch(`http://${HOST_ADDRESS}:${ports.ledger}/cgi-bin/notes`);
      return (await answer.text()).split('\n').filter((line) => line !== '');
    },
  };
}

type Wish = Pick<UnitUpgradeInput, 'fleet' | 'unit' | 'release' | 'policy'>;

let started = 0;

async function start(client: Client, { fleet, unit, release, policy }: Wish): Promise<UnitUpgrade> {
  started += 1;
  const upgrade = parseUpgradeId(`${unit}-${started}`);
  const input: UnitUpgradeInput = {
    ...{ action: 'upgrade', upgrade, fleet, unit, release, policy },
    requestedBy: 'test',
  };
  const options = { workflowId: unitWorkflowId(fleet, unit), taskQueue: taskQueue(fleet), args: [input] };
  return new UnitUpgrade(await client.workflow.start(upgradeUnitType, options));
}

const servers = (unit: SmallUnit['unit'], { blue, green }: SmallUnit['ports'], slot: Slot): readonly Server[] =>
  hostNames.map((host, index) => {
    const ordinal = index + 1;
    const port = publishedPort({ inside: 80, blue, green }, slot, ordinal);
    const container = unitContainerName(unit, { slot, service: 'web', ordinal });
    return { name: `${host}-${container}`, address: `${HOST_ADDRESS}:${port}` };
  });

type FleetParts = {
  readonly fleet: FleetId;
  readonly unit: SmallUnit['unit'];
  readonly map: string;
  readonly endpoint: string;
};

/** YAML reads JSON. */
const fleetText = ({ hosts, temporal }: LaneSite, { fleet, unit, map, endpoint }: FleetParts): string =>
  JSON.stringify({
    fleet,
    hosts: hostNames.map((name, index) => ({
      ...{ name, address: HOST_ADDRESS, engine: { endpoint: hosts.engines[name].access.endpoint } },
      labels: { role: index === 0 ? 'first' : 'second' },
    })),
    etcd: { endpoints: hosts.etcd.endpoints },
    loadBalancers: [{ name: 'edge', type: 'haproxy', endpoint }],
    units: [
      {
        name: unit,
        balancer: { loadBalancer: 'edge', map, frontends: [{ service: 'web', backend: `${unit}-web-{slot}` }] },
        files: { key: 'key' },
      },
    ],
    temporal: { address: temporal },
  });

/** Below those that the kernel gives to whoever asks for any. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
/** How often another place is looked for. */
const MAX_PLACES = 100;

/** In a row, and free a moment ago. */
async function unitPorts(): Promise<SmallUnit['ports']> {
  const count = slots.length * WEB_MEMBERS + 1;
  for (let place = 0; place < MAX_PLACES; place += 1) {
    const blue = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(blue + index)));
    if (free.every(Boolean)) return { blue, green: blue + WEB_MEMBERS, ledger: blue + slots.length * WEB_MEMBERS };
  }
  throw new Error(`no ${count} free ports in a row at ${MAX_PLACES} places`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
