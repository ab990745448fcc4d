import { NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shareTemporal } from '../../client/shared-temporal.ts';
import { upgradesOf, type StartOutcome, type StartRequest, type Upgrades } from '../../client/upgrades.ts';
import { Unreachable } from '../../client/unreachable.ts';
import type { Fleet } from '../../model/fleet.ts';
import { parseHostId, parseUpgradeId, type FleetId, type UpgradeId } from '../../model/ids.ts';
import { defaultPolicy } from '../../model/policy.ts';
import type { Progress } from '../../model/upgrade.ts';
import { fleetWorkflowId, taskQueue } from '../../workflows/messages.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { eventually } from '../eventually.ts';
import { createFakeActivities } from '../fakes/activities.ts';
import { FakeFleet } from '../fakes/fake-fleet.ts';
import { startTemporal, type TestTemporal } from '../parts/temporal.ts';
import { installRuntime } from './world.ts';

/** Longest until a worker or a server that came back is at work again; ms. */
const WITHIN_MS = 40_000;

let temporal: TestTemporal;
let bundle: WorkflowBundleOption;
beforeAll(async () => {
  installRuntime();
  [temporal, bundle] = await Promise.all([startTemporal(), bundleWorkflows()]);
});
afterAll(async () => temporal.close());

/** A fleet in memory, what its operator uses, and a worker unless the test wants none. */
type Site = AsyncDisposable & {
  readonly fleet: FakeFleet;
  readonly upgrades: Upgrades;
  readonly start: (request?: Partial<StartRequest>) => Promise<StartOutcome>;
  readonly startWorker: () => Promise<void>;
  readonly stopWorker: () => Promise<void>;
};

let sites = 0;

function openSite(hosts: number): Site {
  const fleet = new FakeFleet(
    `site-${++sites}`,
    Array.from({ length: hosts }, () => '1.0.0'),
  );
  const shared = shareTemporal(toFleet(fleet.name));
  const upgrades = upgradesOf(fleet.name, shared);
  let stop: (() => Promise<void>) | null = null;
  const startWorker = async (): Promise<void> => {
    const connection = await NativeConnection.connect({ address: temporal.address });
    const activities = createFakeActivities(new Map([[fleet.name, fleet]]));
    const worker = await Worker.create({
      ...{ connection, taskQueue: taskQueue(fleet.name), workflowBundle: bundle, activities: { ...activities } },
      maxHeartbeatThrottleInterval: '100 milliseconds',
      stickyQueueScheduleToStartTimeout: '500 milliseconds',
    });
    const running = worker.run();
    stop = async () => {
      worker.shutdown();
      await running;
      await connection.close();
    };
  };
  const stopWorker = async (): Promise<void> => {
    const stopping = stop?.();
    stop = null;
    await stopping;
  };
  return {
    fleet,
    upgrades,
    startWorker,
    stopWorker,
    start: async (request = {}) => upgrades.start({ ...makeRequest(fleet), ...request }),
    [Symbol.asyncDispose]: async () => {
      await shared.close();
      await stopWorker();
    },
  };
}

const toFleet = (fleet: FleetId): Fleet => ({
  ...{ fleet, hosts: [], registries: {}, loadBalancers: [], services: [], units: [] },
  etcd: { endpoints: [], hostEndpoints: [], tls: null, hostTls: null },
  temporal: { address: temporal.address, namespace: 'default', ui: null, tls: null, apiKeyFile: null },
});

const makeRequest = (fleet: FakeFleet): StartRequest => ({
  reference: 'registry.lab:5000/sample:2.0.0',
  digest: fleet.release.digest,
  release: 'sample 2.0.0',
  policy: { ...defaultPolicy, environmentRetryMs: 20, environmentRetries: 3 },
  requestedBy: 'ada@desk',
});

/** Follows to the end, and gives every look. */
async function watchAll({ upgrades }: Site, id: UpgradeId): Promise<readonly Progress[]> {
  const looks: Progress[] = [];
  const onProgress = (progress: Progress): 'go on' => {
    looks.push(progress);
    return 'go on';
  };
  await upgrades.watch(id, { onProgress, onTrouble: () => undefined }, AbortSignal.timeout(WITHIN_MS));
  return looks;
}

const idOf = ({ fleet }: Site, number: number): UpgradeId => parseUpgradeId(`${fleet.name}-${number}`);

describe('upgrades by way of their client', () => {
  test('an upgrade is started, followed to its end, and told afterwards without a worker', async () => {
    await using site = openSite(3);
    await site.startWorker();

    const started = await site.start();
    const looks = await watchAll(site, idOf(site, 1));
    await site.stopWorker();

    expect(started).toEqual({ outcome: 'started', id: idOf(site, 1) });
    expect(looks.at(-1)).toMatchObject({ state: 'succeeded', phase: 'end' });
    expect(await site.upgrades.progress(idOf(site, 1))).toEqual(looks.at(-1));
    expect(await site.upgrades.list()).toMatchObject([
      { id: idOf(site, 1), state: 'succeeded', release: 'sample 2.0.0', requestedBy: 'ada@desk', isRunning: false },
    ]);
  });

  test('of a large fleet a worker tells every host after the end, and Temporal alone as many as there is room for', async () => {
    await using site = openSite(150);
    await site.startWorker();
    await site.start({ policy: { ...defaultPolicy, install: { strategy: 'daisy-chain' } } });
    await watchAll(site, idOf(site, 1));

    const whole = await site.upgrades.progress(idOf(site, 1));
    await site.stopWorker();
    const kept = await site.upgrades.progress(idOf(site, 1));

    expect(whole).toMatchObject({ state: 'succeeded' });
    expect(whole?.hosts).toHaveLength(150);
    expect(whole).not.toHaveProperty('hostsLeftOut');
    expect((kept?.hosts.length ?? 0) + (kept?.hostsLeftOut ?? 0)).toBe(150);
    expect(kept?.hostsLeftOut).toBeGreaterThan(0);
  });

  test('a host at work shows what its activity heartbeats, and its wave’s other hosts are up to date', async () => {
    await using site = openSite(3);
    await site.startWorker();
    site.fleet.host('host-2').hold();

    await site.start();
    const during = await eventually(
      async () => {
        const progress = await site.upgrades.progress(idOf(site, 1));
        const states = progress?.hosts.map((host) => host.state);
        expect(states).toEqual(['done', 'installing', 'staged']);
        return progress;
      },
      { withinMs: WITHIN_MS },
    );
    site.fleet.host('host-2').letGo();
    await watchAll(site, idOf(site, 1));

    expect(during.waiting.map((wait) => wait.host)).toContain('host-2');
  });

  test('ids count on, and one that was there before is refused', async () => {
    await using site = openSite(1);
    await site.startWorker();
    await site.start();
    await watchAll(site, idOf(site, 1));

    const again = await site.start({ id: idOf(site, 1) });
    const next = await site.start();
    await watchAll(site, idOf(site, 2));

    expect(again).toEqual({ outcome: 'idUsed', id: idOf(site, 1) });
    expect(next).toEqual({ outcome: 'started', id: idOf(site, 2) });
    expect((await site.upgrades.progress(idOf(site, 1)))?.id).toBe(idOf(site, 1));
    expect((await site.upgrades.list()).map((each) => each.id)).toEqual([idOf(site, 2), idOf(site, 1)]);
  });

  test('of many starts at once one is let through, and the others are told its name', async () => {
    await using site = openSite(1);

    const outcomes = await Promise.all(
      Array.from({ length: 5 }, (_, index) => site.start({ requestedBy: `user ${index}` })),
    );

    expect(outcomes.filter((each) => each.outcome === 'started')).toHaveLength(1);
    expect(new Set(outcomes.map((each) => each.id))).toEqual(new Set([idOf(site, 1)]));
  });

  test('a refusal by preflight is the progress that the failed workflow carries', async () => {
    await using site = openSite(1);
    await site.startWorker();
    site.fleet.findings = [{ host: parseHostId('host-1'), severity: 'error', what: 'disk', remedy: 'room' }];

    await site.start();
    await watchAll(site, idOf(site, 1));

    expect(await site.upgrades.progress(idOf(site, 1))).toMatchObject({
      state: 'failed',
      phase: 'preflight',
      findings: [{ what: 'disk' }],
    });
  });

  test('commands are accepted, or refused with the reason; an upgrade that is over refuses all', async () => {
    await using site = openSite(2);
    await site.startWorker();
    site.fleet.host('host-1').hold();
    await site.start();
    await site.fleet.until(() => site.fleet.begun('install').length === 1);
    const by = 'ada@desk';
    const tell = (command: Parameters<Upgrades['command']>[1]): ReturnType<Upgrades['command']> =>
      site.upgrades.command(idOf(site, 1), command);

    const paused = await tell({ name: 'pause', by, reason: 'lunch' });
    const pausedTwice = await tell({ name: 'pause', by });
    const unknownHost = await tell({ name: 'skipHost', host: parseHostId('host-9'), by });
    const otherUpgrade = await site.upgrades.command(idOf(site, 7), { name: 'pause', by });
    site.fleet.host('host-1').letGo();
    await tell({ name: 'resume', by });
    const end = (await watchAll(site, idOf(site, 1))).at(-1);
    const late = await tell({ name: 'pause', by });

    expect(paused.outcome).toBe('accepted');
    expect(pausedTwice).toMatchObject({
      outcome: 'refused',
      because: expect.stringContaining('paused already') as string,
    });
    expect(unknownHost).toMatchObject({ because: expect.stringContaining('its hosts: host-1, host-2') as string });
    expect(otherUpgrade).toMatchObject({ because: expect.stringContaining(`${idOf(site, 1)} does`) as string });
    expect(end?.decisions).toContainEqual(expect.objectContaining({ decision: 'pause', because: 'lunch', by }));
    expect(late).toEqual({ outcome: 'refused', because: 'it is over' });
  });

  test('without a worker a running upgrade is listed, and asking it says what is missing', async () => {
    await using site = openSite(1);
    await site.start();

    expect(await site.upgrades.list()).toMatchObject([{ id: idOf(site, 1), state: 'running', isRunning: true }]);
    await expect(site.upgrades.progress(idOf(site, 1))).rejects.toThrow(
      /no worker answers for fleet .* start one with: refit worker/,
    );
    await expect(site.upgrades.command(idOf(site, 1), { name: 'pause', by: 'ada' })).rejects.toThrow(Unreachable);
  });

  test('there is no upgrade of a name that was never given', async () => {
    await using site = openSite(1);

    expect(await site.upgrades.progress(parseUpgradeId('nope'))).toBeNull();
    expect(await site.upgrades.list()).toEqual([]);
  });

  test('an upgrade that somebody terminated is told as far as it is known', async () => {
    await using site = openSite(1);
    await site.start();
    const connection = await NativeConnection.connect({ address: temporal.address });
    await connection.workflowService.terminateWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: fleetWorkflowId(site.fleet.name) },
      reason: 'by hand',
    });
    await connection.close();

    expect(await site.upgrades.progress(idOf(site, 1))).toMatchObject({
      ...{ id: idOf(site, 1), state: 'aborted', release: 'sample 2.0.0', hosts: [] },
      error: expect.stringContaining('closed before it could say how it ended') as string,
    });
  });

  test('a watch goes on when the server was away, and says meanwhile that it is', async () => {
    await using site = openSite(2);
    await site.startWorker();
    site.fleet.host('host-2').hold();
    await site.start();
    const troubles: string[] = [];
    let last: Progress | null = null;
    const watcher = {
      onProgress: (progress: Progress): 'go on' => {
        last = progress;
        return 'go on';
      },
      onTrouble: (message: string): void => void troubles.push(message),
    };
    const watched = site.upgrades.watch(idOf(site, 1), watcher, AbortSignal.timeout(WITHIN_MS));
    await site.fleet.until(() => site.fleet.begun('install').length === 2);

    await temporal.kill();
    const away = `temporal at ${temporal.address} does not answer`;
    await eventually(() => expect(troubles.join('\n')).toContain(away), { withinMs: WITHIN_MS });
    await temporal.start();
    site.fleet.host('host-2').letGo();

    expect(await watched).toMatchObject({ state: 'succeeded' });
    expect(last).toMatchObject({ state: 'succeeded' });
  });

  test('a watch ends when its watcher says so or its signal fires, and the upgrade goes on', async () => {
    await using site = openSite(1);
    await site.startWorker();
    site.fleet.host('host-1').hold();
    await site.start();

    const ignore = { onTrouble: () => undefined };
    const stopped = await site.upgrades.watch(
      idOf(site, 1),
      { ...ignore, onProgress: () => 'stop' },
      AbortSignal.timeout(WITHIN_MS),
    );
    const left = await site.upgrades.watch(
      idOf(site, 1),
      { ...ignore, onProgress: () => 'go on' },
      AbortSignal.timeout(1_500),
    );
    site.fleet.host('host-1').letGo();

    expect(stopped?.state).toBe('running');
    expect(left?.state).toBe('running');
    expect((await watchAll(site, idOf(site, 1))).at(-1)?.state).toBe('succeeded');
  });
});

test('a Temporal that is not there is said within seconds, with its address', async () => {
  const fleet: Fleet = {
    ...toFleet(new FakeFleet('nowhere', []).name),
    temporal: { address: '127.0.0.1:1', namespace: 'default', ui: null, tls: null, apiKeyFile: null },
  };

  const upgrades = upgradesOf(fleet.fleet, shareTemporal(fleet));

  await expect(upgrades.list()).rejects.toThrow('temporal at 127.0.0.1:1 does not answer');
});
