import { expect, it } from 'vitest';
import { createLoadWave, PlanStore } from '../../activities/plan-store.ts';
import { busKeys } from '../../model/bus.ts';
import { hopUpgradeId, parseHostId, parseUpgradeId, type Digest, type UpgradeId } from '../../model/ids.ts';
import { MAX_WAVE_HOSTS, planWaves, type Hop, type HopPlan } from '../../model/plan.ts';
import { systemClock } from '../../worker/ports.ts';
import { fleetId } from '../fakes/fleet.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { digestOf, releaseRef } from '../fakes/release.ts';
import { at, run } from './harness.ts';

const hosts = Array.from({ length: 10_000 }, (_, index) => ({ name: parseHostId(`host-${index}`), from: '1.0.0' }));

function plan(change: { readonly alreadyThere?: Hop['alreadyThere'] } = {}): HopPlan {
  const waves = planWaves(hosts, { strategy: 'daisy-chain' });
  const hop: Hop = {
    ...{ to: '2.0.0', release: releaseRef(), risks: [], steps: [], downloadBytes: 1, images: [], waves },
    ...{ alreadyThere: change.alreadyThere ?? [], services: [], migrations: [], hasBackup: false },
  };
  return { ...run, hop };
}

function small(): HopPlan {
  const whole = plan();
  return { ...whole, hop: { ...whole.hop, waves: [] } };
}

const saveOne = async (store: PlanStore, one = plan()): Promise<Digest> => at(await store.save([one]), 0);

/** What another worker finds, which remembers nothing. */
const fresh = (store: MemoryBus): PlanStore => new PlanStore({ bus: store.connect(), clock: systemClock });

it('a plan of 10,000 hosts lies on the bus in small pages, and is read back as it was', async () => {
  const store = new MemoryBus();
  const planDigest = await saveOne(fresh(store));

  expect(store.under(busKeys(fleetId).root).every(({ value }) => value.length <= 64_000)).toBe(true);
  expect(await fresh(store).load({ ...run, planDigest })).toEqual(plan());
});

it('saving the same plan again changes nothing', async () => {
  const store = new MemoryBus();
  const first = await saveOne(fresh(store));
  const before = store.under('');

  expect(await saveOne(fresh(store))).toBe(first);
  expect(store.under('')).toEqual(before);
});

it('a write without an answer is settled by reading', async () => {
  const store = new MemoryBus();
  store.loseNextAnswer('applied');
  const planDigest = await saveOne(fresh(store));

  expect(await fresh(store).load({ ...run, planDigest })).toEqual(plan());
});

it('a zombie attempt that saw another fleet leaves the plan alone', async () => {
  const store = new MemoryBus();
  const planDigest = await saveOne(fresh(store));
  await saveOne(fresh(store), plan({ alreadyThere: hosts.slice(0, 1) }));

  expect(await fresh(store).load({ ...run, planDigest })).toEqual(plan());
});

it('plans and chains of old upgrades go, those of the latest stay', async () => {
  const store = new MemoryBus();
  const bus = store.connect();
  const upgrades = Array.from({ length: 8 }, (_, index) => parseUpgradeId(`lab-${index + 1}`));
  const keys = busKeys(fleetId);
  for (const upgrade of upgrades) {
    await bus.write({ conditions: [], puts: [{ key: keys.baton(upgrade), value: '{}' }] });
    await fresh(store).save([{ ...plan(), upgrade }]);
  }

  const kept = upgrades.filter((upgrade) => store.under(`${keys.plans}${upgrade}/`).length > 0);
  expect(kept).toEqual(upgrades.slice(3));
  expect(upgrades.filter((upgrade) => store.json(keys.baton(upgrade)) !== null)).toEqual(upgrades.slice(3));
});

it('an upgrade counts once with all its hops, and goes with all of them', async () => {
  const store = new MemoryBus();
  const bus = store.connect();
  const keys = busKeys(fleetId);
  const hopsOf = (name: string): readonly UpgradeId[] =>
    [0, 1, 2].map((index) => hopUpgradeId(parseUpgradeId(name), index));
  const names = Array.from({ length: 6 }, (_, index) => `lab-${index + 1}`);
  for (const name of names) {
    for (const hop of hopsOf(name)) {
      await bus.write({ conditions: [], puts: [{ key: keys.baton(hop), value: '{}' }] });
    }
    await fresh(store).save(hopsOf(name).map((upgrade) => ({ ...small(), upgrade })));
  }

  const isThere = (hop: UpgradeId): boolean => store.under(`${keys.plans}${hop}/`).length > 0;
  const hasBaton = (hop: UpgradeId): boolean => store.json(keys.baton(hop)) !== null;
  const all = names.flatMap(hopsOf);
  expect(all.filter(isThere)).toEqual(names.slice(1).flatMap(hopsOf));
  expect(all.filter(hasBaton)).toEqual(names.slice(1).flatMap(hopsOf));
});

it('a page that was changed or lost is noticed, and what to do is said', async () => {
  const store = new MemoryBus();
  const bus = store.connect();
  const planDigest = await saveOne(fresh(store));
  const page = at(store.under(busKeys(fleetId).plan(run.upgrade, planDigest)), 3);
  await bus.write({ conditions: [], puts: [], deletes: [page.key] });

  await expect(fresh(store).load({ ...run, planDigest })).rejects.toThrow(/etcd was wiped or restored; start it again/);
  await expect(fresh(store).load({ ...run, planDigest: digestOf('f') })).rejects.toThrow(/is not on the bus/);
});

it('a wave is loaded a page at a time, and the hosts that are there already under no name', async () => {
  const store = new MemoryBus();
  const planDigest = await saveOne(fresh(store), plan({ alreadyThere: hosts.slice(0, 2) }));
  const loadWave = createLoadWave(fresh(store));

  const page = await loadWave({ ...run, planDigest, wave: 'chain', offset: 9_950 });
  expect(page).toEqual({ hosts: hosts.slice(9_950), total: 10_000 });
  expect((await loadWave({ ...run, planDigest, wave: 'chain', offset: 0 })).hosts).toHaveLength(MAX_WAVE_HOSTS);
  expect(await loadWave({ ...run, planDigest, wave: null, offset: 0 })).toEqual({ hosts: hosts.slice(0, 2), total: 2 });
  await expect(loadWave({ ...run, planDigest, wave: 'wave-9', offset: 0 })).rejects.toThrow(/no wave "wave-9"/);
});

it('a page for the workflow has neither kernels nor engines, so that it stays far below a payload’s bound', async () => {
  const long = { kernel: 'k'.repeat(60), engine: 'e'.repeat(60) };
  const waves = planWaves(
    hosts.slice(0, MAX_WAVE_HOSTS).map((host) => ({ ...host, ...long })),
    { strategy: 'serial' },
  );
  const whole = plan();
  const plans = fresh(new MemoryBus());
  const planDigest = await saveOne(plans, { ...whole, hop: { ...whole.hop, waves } });

  const page = await createLoadWave(plans)({ ...run, planDigest, wave: 'serial-1', offset: 0 });

  expect((await plans.load({ ...run, planDigest })).hop.waves[0]?.hosts[0]).toMatchObject(long);
  expect(page).toEqual({ hosts: hosts.slice(0, MAX_WAVE_HOSTS), total: MAX_WAVE_HOSTS });
});
