import { join } from 'node:path';
import { NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { openFleetClient } from '../../client/direct-fleet.ts';
import { createEtcdBus } from '../../drivers/etcd/bus.ts';
import { createRegistry } from '../../drivers/registry.ts';
import { buildRelease } from '../../drivers/release/build.ts';
import { busKeys } from '../../model/bus.ts';
import { serviceOf, type Fleet } from '../../model/fleet.ts';
import { parseServiceId, parseUnitId } from '../../model/ids.ts';
import { taskQueue } from '../../workflows/messages.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { makeAlive, RELEASE } from '../client/bus-values.ts';
import type { ContractSite } from '../client/fleet-client-contract.ts';
import { createFakeActivities } from '../fakes/activities.ts';
import { FakeFleet } from '../fakes/fake-fleet.ts';
import { fleet as fleetOf } from '../fakes/fleet.ts';
import { digestOf } from '../fakes/release.ts';
import { startEtcd, type EtcdCluster } from '../parts/etcd.ts';
import { OPERATOR } from '../parts/fleet-api.ts';
import { startRegistry, type TestRegistry } from '../parts/registry.ts';
import { folderWith, smallAgent, smallManifest } from '../release/folder.ts';
import { installRuntime } from './world.ts';

/** Hosts and agents in memory; Temporal, etcd and the registry are real. */
export type AskedSite = ContractSite & { readonly fleet: Fleet };

/** What the sites of one test file share. */
export type AskedParts = {
  readonly open: () => Promise<AskedSite>;
  readonly close: () => Promise<void>;
};

type Parts = {
  readonly temporal: string;
  readonly etcd: EtcdCluster;
  readonly registry: TestRegistry;
  readonly bundle: WorkflowBundleOption;
  readonly connection: NativeConnection;
};

export async function openAskedParts(temporal: string): Promise<AskedParts> {
  installRuntime();
  const connecting = NativeConnection.connect({ address: temporal });
  const [etcd, registry, bundle, connection] = await Promise.all([
    startEtcd(),
    startRegistry(),
    bundleWorkflows(),
    connecting,
  ]);
  await publish(registry, '2.0.0');
  await publish(registry, '3.0.0', 'fleets: [production-*]\n');
  const parts: Parts = { temporal, etcd, registry, bundle, connection };
  let sites = 0;
  return {
    open: () => openSite(parts, `asked-${process.pid}-${++sites}`),
    close: async () => {
      await Promise.all([etcd.close(), registry.close(), connection.close()]);
    },
  };
}

async function publish({ address }: TestRegistry, version: string, extra = ''): Promise<void> {
  await using folder = await folderWith({
    'release.yaml': `${smallManifest(version)}${extra}`,
    'files/app.conf': 'hello\n',
  });
  const output = join(folder.path, 'image');
  const { layout } = await buildRelease({ folder: folder.path, agent: smallAgent, output });
  await createRegistry({}).push({ layout, reference: `${address}/sample`, version });
}

async function openSite(parts: Parts, name: string): Promise<AskedSite> {
  const { connection, bundle, registry } = parts;
  const world = new FakeFleet(name, ['1.0.0', '1.0.0']);
  hold(world);
  const fleet = toFleet(world, parts);
  await putOnBus(fleet);
  const worker = await Worker.create({
    ...{ connection, taskQueue: taskQueue(world.name), workflowBundle: bundle },
    activities: { ...createFakeActivities(new Map([[world.name, world]])) },
    maxHeartbeatThrottleInterval: '100 milliseconds',
  });
  const running = worker.run();
  const client = openFleetClient(fleet);
  const away = openFleetClient(awayFrom(fleet));
  const sample = `${registry.address}/sample`;
  return {
    ...{ client, away, fleet, by: OPERATOR, letGo: () => letGo(world) },
    references: { here: `${sample}:2.0.0`, elsewhere: `${sample}:3.0.0`, nowhere: `${sample}:9.9.9` },
    [Symbol.asyncDispose]: async () => {
      worker.shutdown();
      await Promise.all([running, client.close(), away.close()]);
    },
  };
}

/** Whatever begins on it stays at work. */
function hold(world: FakeFleet): void {
  world.members.add(['host-1', 'host-2'], { serverState: null });
  world.install();
  world.host('host-1').hold();
  world.members.held.add('host-1');
}

function letGo(world: FakeFleet): void {
  world.host('host-1').letGo();
  world.members.held.clear();
  world.changed('let go');
}

const toFleet = ({ name }: FakeFleet, { temporal, etcd }: Parts): Fleet => ({
  ...{ ...fleetOf(2), fleet: name },
  etcd: { endpoints: etcd.endpoints, hostEndpoints: etcd.endpoints, tls: null, hostTls: null },
  services: [serviceOf({ services: [] }, parseServiceId('web'))],
  units: [{ name: parseUnitId('shop'), balancer: null, files: {} }],
  temporal: { address: temporal, namespace: 'default', ui: null, tls: null, apiKeyFile: null },
});

const awayFrom = (fleet: Fleet): Fleet => ({
  ...{ ...fleet, fleet: new FakeFleet(`${fleet.fleet}-away`, []).name },
  etcd: { endpoints: ['http://127.0.0.1:1'], hostEndpoints: [], tls: null, hostTls: null },
  temporal: { address: '127.0.0.1:1', namespace: 'default', ui: null, tls: null, apiKeyFile: null },
});

/** An agent on every host says that it has 1.0.0. */
async function putOnBus({ fleet, hosts, etcd }: Fleet): Promise<void> {
  const bus = createEtcdBus({ endpoints: etcd.endpoints, tls: null });
  const installed = { ...RELEASE, version: '1.0.0', digest: digestOf('1') };
  const value = JSON.stringify(makeAlive({ installed }));
  await bus.write({
    conditions: [],
    puts: hosts.map(({ name }) => ({ key: busKeys(fleet).alive(name), value })),
  });
  bus.close();
}
