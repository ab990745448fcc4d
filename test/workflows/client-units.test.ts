import { NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { whileBeating } from '../../activities/beating.ts';
import type { PlannedUnit, SlotsRead, UnitActivities } from '../../activities/unit-activities.ts';
import { connectTemporal } from '../../client/connection.ts';
import type { RunId } from '../../client/run-end.ts';
import { startedInput } from '../../client/started-input.ts';
import type { UnitAction } from '../../client/start-unit.ts';
import { shareTemporal } from '../../client/shared-temporal.ts';
import { unitsOf, type UnitLook, type UnitRequest, type Units } from '../../client/units.ts';
import type { Watcher } from '../../client/watch.ts';
import type { Fleet } from '../../model/fleet.ts';
import { parseFleetId, parseUnitId, parseUpgradeId } from '../../model/ids.ts';
import { defaultUnitPolicy } from '../../model/unit.ts';
import { taskQueue } from '../../workflows/messages.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { eventually } from '../eventually.ts';
import { releaseRef } from '../fakes/release.ts';
import { installRuntime } from './world.ts';

/** Longest until an upgrade that does nothing is over; ms. */
const WITHIN_MS = 40_000;
const shop = parseUnitId('shop');
const by = 'ada@desk';
const upgrade: UnitAction = { action: 'upgrade', release: releaseRef(), policy: defaultUnitPolicy };

let bundle: WorkflowBundleOption;
let connection: NativeConnection;
beforeAll(async () => {
  installRuntime();
  const connecting = NativeConnection.connect({ address: inject('temporalAddress') });
  [bundle, connection] = await Promise.all([bundleWorkflows(), connecting]);
});
afterAll(async () => connection.close());

/** What preflight, and a look at the slots, find; neither ends before the gate opens. */
type Found = Partial<PlannedUnit> & { readonly slots?: SlotsRead; readonly gate?: Promise<void> };

/** A unit's operator, and a worker whose unit is never touched. */
type Site = AsyncDisposable & { readonly fleet: Fleet; readonly units: Units };

let sites = 0;

async function openSite({ slots, gate, ...found }: Found): Promise<Site> {
  const fleet = toFleet(`units-${process.pid}-${++sites}`);
  const activities: Pick<UnitActivities, 'planUnit' | 'readSlots'> = {
    planUnit: async () => {
      const beat = { unitStep: 'preflight', detail: 'host-1, 3 of 4' };
      await whileBeating(
        () => beat,
        async () => gate,
      );
      return { plan: null, alreadyThere: null, findings: [], ...found };
    },
    readSlots: async () => Promise.resolve(slots ?? { active: null, containers: { blue: 0, green: 0, shared: 0 } }),
  };
  const worker = await Worker.create({
    ...{ connection, taskQueue: taskQueue(fleet.fleet), workflowBundle: bundle, activities },
    maxHeartbeatThrottleInterval: '100 milliseconds',
  });
  const [running, shared] = [worker.run(), shareTemporal(fleet)];
  const units = unitsOf(fleet.fleet, shared);
  return {
    ...{ fleet, units },
    [Symbol.asyncDispose]: async () => {
      worker.shutdown();
      await Promise.all([shared.close(), running]);
    },
  };
}

const toFleet = (name: string): Fleet => ({
  ...{ fleet: parseFleetId(name), hosts: [], registries: {}, loadBalancers: [], services: [], units: [] },
  etcd: { endpoints: [], hostEndpoints: [], tls: null, hostTls: null },
  temporal: { address: inject('temporalAddress'), namespace: 'default', ui: null, tls: null, apiKeyFile: null },
});

const asked = (changes: Partial<UnitRequest> = {}): UnitRequest => ({
  ...{ unit: shop, action: upgrade, requestedBy: by },
  ...changes,
});

async function startedRun({ units }: Site, request = asked()): Promise<RunId> {
  const started = await units.start(request);
  if (started.outcome !== 'started') throw new Error(`expected it to start, got ${started.outcome}`);
  return started.run;
}

const endOf = async (site: Site, request = asked()): Promise<UnitLook | null> =>
  site.units.watch(await startedRun(site, request), quietly, AbortSignal.timeout(WITHIN_MS));

const quietly: Watcher<unknown> = { onProgress: () => 'go on', onTrouble: () => undefined };

describe('a unit by way of its client', () => {
  test('is started with its release, its policy and who asked, under a name that is found again', async () => {
    await using site = await openSite({ alreadyThere: 'blue' });
    const id = parseUpgradeId('release-day');

    const run = await startedRun(site, asked({ id }));
    const temporal = await connectTemporal(site.fleet);
    const input = await startedInput(temporal, run, (value) => value);
    await temporal.close();

    expect(input).toEqual({
      ...{ ...upgrade, fleet: site.fleet.fleet, unit: shop, upgrade: id, requestedBy: by },
    });
    expect(await site.units.latest(shop)).toMatchObject({ id, run, release: 'sample 2.0.0', requestedBy: by });
  });

  test('that is on the release already is left alone', async () => {
    await using site = await openSite({ alreadyThere: 'blue' });

    expect(await endOf(site)).toMatchObject({
      run: 'ended',
      progress: { state: 'succeeded', active: 'blue', release: 'sample 2.0.0' },
    });
  });

  test('that preflight refuses is told with all that was found', async () => {
    const finding = { host: null, severity: 'error', what: 'image web is missing', remedy: 'publish it' } as const;
    await using site = await openSite({ findings: [finding, { ...finding, what: 'file account is missing' }] });

    expect(await endOf(site)).toMatchObject({
      run: 'ended',
      progress: { state: 'failed', step: 'preflight', findings: [finding, { what: 'file account is missing' }] },
    });
  });

  test('has one upgrade at a time, whose step says what its activity is at, and which refuses what makes no sense', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((done) => (open = done));
    await using site = await openSite({ alreadyThere: 'blue', gate });
    const started = await site.units.start(asked());
    const run = 'run' in started ? started.run : await startedRun(site);

    await eventually(async () => {
      expect(await site.units.look(run)).toMatchObject({
        ...{ run: 'live', progress: { steps: [{ name: 'preflight', state: 'running', detail: 'host-1, 3 of 4' }] } },
      });
    });
    const second = await site.units.start(asked());
    const refusals = [
      await site.units.command(shop, { name: 'deleteStandby', by }),
      await site.units.command(shop, { name: 'approve', step: 'lunch', by }),
    ];
    const paused = await site.units.command(shop, { name: 'pause', by, reason: 'lunch' });
    open();
    const end = await site.units.watch(run, quietly, AbortSignal.timeout(WITHIN_MS));
    const late = await site.units.command(shop, { name: 'rollback', by });

    expect(second).toEqual({ outcome: 'running', id: started.id, release: 'sample 2.0.0' });
    expect(refusals.map((refusal) => 'because' in refusal && refusal.because)).toEqual([
      expect.stringContaining('no slot is kept now'),
      expect.stringContaining('lunch is nothing that waits for approval'),
    ]);
    expect(paused.outcome).toBe('accepted');
    expect(end).toMatchObject({
      progress: { state: 'succeeded', decisions: [{ decision: 'pause', because: 'lunch' }] },
    });
    expect(late).toEqual({ outcome: 'refused', because: 'it is over' });
  });

  test('without a standby slot has none to delete', async () => {
    await using site = await openSite({ slots: { active: 'green', containers: { blue: 0, green: 2, shared: 1 } } });

    const end = await endOf(site, asked({ action: { action: 'deleteStandby', reason: 'room is needed' } }));

    expect(end).toMatchObject({ progress: { state: 'succeeded', release: null, active: 'green', standby: null } });
    expect(await site.units.latest(shop)).toMatchObject({ release: 'one slot alone', state: 'succeeded' });
  });

  test('that had no upgrade has no latest', async () => {
    await using site = await openSite({});

    expect(await site.units.latest(shop)).toBeNull();
  });
});
