import { NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containersOf, type ContainerLook, type ContainerRequest, type Containers } from '../../client/containers.ts';
import type { RunId } from '../../client/run-end.ts';
import { servicesOf, type ServiceLook, type ServiceRuns } from '../../client/services.ts';
import { shareTemporal } from '../../client/shared-temporal.ts';
import type { ResolvedService } from '../../client/start-service.ts';
import type { Watcher } from '../../client/watch.ts';
import type { ContainerUpgrade } from '../../model/container-upgrade.ts';
import { serviceOf, type Fleet } from '../../model/fleet.ts';
import { parseDigest, parseHostId, parseServiceId, type FleetId } from '../../model/ids.ts';
import { defaultServicePolicy } from '../../model/service.ts';
import { taskQueue } from '../../workflows/messages.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { eventually } from '../eventually.ts';
import { createFakeActivities } from '../fakes/activities.ts';
import { FakeFleet } from '../fakes/fake-fleet.ts';
import { OLD_IMAGE } from '../fakes/fake-members.ts';
import { startTemporal, type TestTemporal } from '../parts/temporal.ts';
import { installRuntime } from './world.ts';

/** Longest until an upgrade in memory is over; ms. */
const WITHIN_MS = 40_000;
const NEW_IMAGE = 'registry.lab:5000/web:2';
const web = parseServiceId('web');
const by = 'ada@desk';

let temporal: TestTemporal;
let bundle: WorkflowBundleOption;
beforeAll(async () => {
  installRuntime();
  [temporal, bundle] = await Promise.all([startTemporal(), bundleWorkflows()]);
});
afterAll(async () => temporal.close());

/** Three hosts in memory with a member of `web` each, what its operator uses, and a worker. */
type Site = AsyncDisposable & {
  readonly fleet: FakeFleet;
  readonly containers: Containers;
  readonly services: ServiceRuns;
  readonly stopWorker: () => Promise<void>;
};

let sites = 0;

async function openSite(): Promise<Site> {
  const fleet = new FakeFleet(`members-${++sites}`, ['1.0.0', '1.0.0', '1.0.0']);
  fleet.members.add(['host-1', 'host-2', 'host-3'], { serverState: null });
  const shared = shareTemporal(toFleet(fleet.name));
  const containers = containersOf(fleet.name, shared);
  const services = servicesOf(fleet.name, shared);
  const connection = await NativeConnection.connect({ address: temporal.address });
  const activities = createFakeActivities(new Map([[fleet.name, fleet]]));
  const worker = await Worker.create({
    ...{ connection, taskQueue: taskQueue(fleet.name), workflowBundle: bundle, activities: { ...activities } },
    maxHeartbeatThrottleInterval: '100 milliseconds',
  });
  const running = worker.run();
  const stopWorker = async (): Promise<void> => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
  };
  return {
    ...{ fleet, containers, services, stopWorker },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([shared.close(), stopWorker()]);
      await connection.close();
    },
  };
}

const toFleet = (fleet: FleetId): Fleet => ({
  ...{ fleet, hosts: [], registries: {}, loadBalancers: [], services: [], units: [] },
  etcd: { endpoints: [], hostEndpoints: [], tls: null, hostTls: null },
  temporal: { address: temporal.address, namespace: 'default', ui: null, tls: null, apiKeyFile: null },
});

const upgrade: ContainerUpgrade = {
  ...{ action: 'upgrade', image: NEW_IMAGE, settings: {}, envFile: null, keepOldMs: 0 },
  health: { minHealthyTimeMs: 10, deadlineMs: 10_000, probe: null },
};

const onContainer = (container: string, action: ContainerRequest['action'] = upgrade): ContainerRequest => ({
  ...{ container: { host: parseHostId('host-1'), container }, action, requestedBy: by },
});

const onService = (changes: Partial<ResolvedService> = {}): ResolvedService => ({
  ...{ service: serviceOf({ services: [] }, web), image: NEW_IMAGE, reference: NEW_IMAGE, settings: {}, release: null },
  ...{ digest: parseDigest(`sha256:${'b'.repeat(64)}`), requestedBy: by },
  policy: { ...defaultServicePolicy, environmentRetryMs: 20, environmentRetries: 3 },
  ...changes,
});

/** Starts it and follows it to its end. */
async function containerEnd({ containers }: Site, request: ContainerRequest): Promise<ContainerLook | null> {
  return containers.watch(startedRun(await containers.start(request)), quietly, AbortSignal.timeout(WITHIN_MS));
}

const serviceEnd = ({ services }: Site, run: RunId): Promise<ServiceLook | null> =>
  services.watch(run, quietly, AbortSignal.timeout(WITHIN_MS));

const quietly: Watcher<unknown> = { onProgress: () => 'go on', onTrouble: () => undefined };

function startedRun(started: { readonly outcome: string; readonly run?: RunId }): RunId {
  if (started.run === undefined) throw new Error(`expected it to start, got ${started.outcome}`);
  return started.run;
}

describe('a container by way of its client', () => {
  test('is upgraded, and its end is told without a worker', async () => {
    await using site = await openSite();

    const end = await containerEnd(site, onContainer('web-1'));
    await site.stopWorker();
    const latest = await site.containers.latest(onContainer('web-1').container);

    expect(end).toMatchObject({ run: 'ended', progress: { state: 'succeeded', container: 'web-1', host: 'host-1' } });
    expect(latest).toMatchObject({ isRunning: false, release: NEW_IMAGE, requestedBy: by });
    expect(latest === null ? null : await site.containers.look(latest.run)).toEqual(end);
    expect(site.fleet.members.imagesInPlace()).toEqual([NEW_IMAGE, OLD_IMAGE, OLD_IMAGE]);
  });

  test('that has the image already is left alone', async () => {
    await using site = await openSite();
    await containerEnd(site, onContainer('web-1'));

    expect(await containerEnd(site, onContainer('web-1'))).toMatchObject({ progress: { state: 'alreadyThere' } });
  });

  test('that is not there is refused by the workflow, in its words', async () => {
    await using site = await openSite();

    expect(await containerEnd(site, onContainer('nope'))).toEqual({
      run: 'refused',
      because: expect.stringContaining('host host-1 has no container nope') as string,
    });
  });

  test('whose new one fails is told as rolled back, with the reason', async () => {
    await using site = await openSite();
    site.fleet.members.member('host-1').failNext('unhealthy');

    expect(await containerEnd(site, onContainer('web-1'))).toMatchObject({
      run: 'ended',
      progress: { state: 'rolledBack', error: 'unhealthy on purpose' },
    });
  });

  test('goes back to the container that was kept', async () => {
    await using site = await openSite();
    await containerEnd(site, onContainer('web-1', { ...upgrade, keepOldMs: 60_000 }));

    const back = await containerEnd(site, onContainer('web-1', { action: 'rollback' }));

    expect(back).toMatchObject({ run: 'ended', progress: { state: 'rolledBack', error: null } });
    expect(site.fleet.members.imagesInPlace()[0]).toBe(OLD_IMAGE);
  });

  test('has one upgrade at a time, and whoever comes second hears its name', async () => {
    await using site = await openSite();
    site.fleet.members.held.add('host-1');
    const first = await site.containers.start(onContainer('web-1'));
    const run = startedRun(first);

    const second = await site.containers.start(onContainer('web-1'));
    const during = await eventually(async () => {
      const look = await site.containers.look(run);
      expect(look).toMatchObject({ progress: { stage: 'replacing' } });
      return look;
    });
    site.fleet.members.held.clear();
    site.fleet.changed('let go');
    const end = await site.containers.watch(run, quietly, AbortSignal.timeout(WITHIN_MS));

    expect(second).toEqual({ outcome: 'running', id: 'id' in first ? first.id : null });
    expect(during).toMatchObject({ run: 'live', progress: { state: 'running', member: 'Updating' } });
    expect(end).toMatchObject({ progress: { state: 'succeeded' } });
  });
});

describe('a service by way of its client', () => {
  test('is upgraded, member by member', async () => {
    await using site = await openSite();

    const end = await serviceEnd(site, startedRun(await site.services.start(onService())));

    expect(end).toMatchObject({ run: 'ended', progress: { state: 'succeeded', service: 'web' } });
    expect(site.fleet.members.imagesInPlace()).toEqual([NEW_IMAGE, NEW_IMAGE, NEW_IMAGE]);
    expect(await site.services.latest(web)).toMatchObject({ isRunning: false, state: 'succeeded', release: NEW_IMAGE });
  });

  test('without members is refused by the workflow', async () => {
    await using site = await openSite();
    const service = serviceOf({ services: [] }, parseServiceId('nope'));

    const end = await serviceEnd(site, startedRun(await site.services.start(onService({ service }))));

    expect(end).toMatchObject({ run: 'refused', because: expect.stringContaining('dev.refit.service') as string });
  });

  test('is paused, refuses what makes no sense and a second upgrade, and is rolled back', async () => {
    await using site = await openSite();
    site.fleet.members.held.add('host-2');
    const started = await site.services.start(onService());
    const run = startedRun(started);
    await eventually(async () => {
      expect(await site.services.look(run)).toMatchObject({ progress: { members: [{}, { state: 'Updating' }, {}] } });
    });

    const paused = await site.services.command(web, { name: 'pause', by, reason: 'lunch' });
    const pausedTwice = await site.services.command(web, { name: 'pause', by });
    const second = await site.services.start(onService());
    const rolledBack = await site.services.command(web, { name: 'rollback', by });
    site.fleet.members.held.clear();
    site.fleet.changed('let go');
    const end = await serviceEnd(site, run);
    const late = await site.services.command(web, { name: 'pause', by });

    expect(paused.outcome).toBe('accepted');
    expect(pausedTwice).toMatchObject({ because: expect.stringContaining('paused already') as string });
    expect(second).toMatchObject({ outcome: 'running', id: 'id' in started ? started.id : null, release: NEW_IMAGE });
    expect(rolledBack.outcome).toBe('accepted');
    expect(end).toMatchObject({ progress: { state: 'rolledBack' } });
    expect(site.fleet.members.imagesInPlace()).toEqual([OLD_IMAGE, OLD_IMAGE, OLD_IMAGE]);
    expect(late).toEqual({ outcome: 'refused', because: 'it is over' });
  });

  test('is taken back after its end, once', async () => {
    await using site = await openSite();
    const policy = { ...onService().policy, keepOldMs: 60_000 };
    await serviceEnd(site, startedRun(await site.services.start(onService({ policy }))));

    const back = await serviceEnd(site, startedRun(await site.services.takeBack(web, by)));
    const again = await site.services.takeBack(web, by);

    expect(back).toMatchObject({ run: 'ended', progress: { state: 'rolledBack' } });
    expect(site.fleet.members.imagesInPlace()).toEqual([OLD_IMAGE, OLD_IMAGE, OLD_IMAGE]);
    expect(again).toMatchObject({
      outcome: 'nothing',
      because: expect.stringContaining('taken back already') as string,
    });
  });

  test('that had no upgrade has nothing to take back', async () => {
    await using site = await openSite();

    expect(await site.services.takeBack(web, by)).toEqual({
      outcome: 'nothing',
      because: 'service web had no upgrade yet',
    });
  });
});
