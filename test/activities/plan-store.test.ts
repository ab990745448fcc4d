import { expect, it } from 'vitest';
import { createLoadWave, PlanStore } from '../../activities/plan-store.ts';
import { busKeys } from '../../model/bus.ts';
import { parseHostId, parseUpgradeId } from '../../model/ids.ts';
import { MAX_WAVE_HOSTS, planWaves, type Plan } from '../../model/plan.ts';
import { systemClock } from '../../worker/ports.ts';
import { fleetId } from '../fakes/fleet.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { digestOf, releaseRef } from '../fakes/release.ts';
import { at, run } from './harness.ts';

const hosts = Array.from({ length: 10_000 }, (_, index) => ({ name: parseHostId(`host-${index}`), from: '1.0.0' }));

function plan(change: { readonly alreadyThere?: Plan['hops'][number]['alreadyThere'] } = {}): Plan {
  const waves = planWaves(hosts, { strategy: 'daisy-chain' });
  const there = change.alreadyThere ?? [];
  const hop = { to: '2.0.0', steps: [], downloadBytes: 1, images: [], waves, alreadyThere: there, services: [] };
  return { ...run, release: releaseRef(), hops: [hop] };
}

/** What another worker finds, which remembers nothing. */
const fresh = (store: MemoryBus): PlanStore => new PlanStore({ bus: store.connect(), clock: systemClock });

it('a plan of 10,000 hosts lies on the bus in small pages, and is read back as it was', async () => {
  const store = new MemoryBus();
  const planDigest = await fresh(store).save(plan());

  expect(store.under(busKeys(fleetId).root).every(({ value }) => value.length <= 64_000)).toBe(true);
  expect(await fresh(store).load({ ...run, planDigest })).toEqual(plan());
});

it('saving the same plan again changes nothing', async () => {
  const store = new MemoryBus();
  const first = await fresh(store).save(plan());
  const before = store.under('');

  expect(await fresh(store).save(plan())).toBe(first);
  expect(store.under('')).toEqual(before);
});

it('a write without an answer is settled by reading', async () => {
  const store = new MemoryBus();
  store.loseNextAnswer('applied');
  const planDigest = await fresh(store).save(plan());

  expect(await fresh(store).load({ ...run, planDigest })).toEqual(plan());
});

it('a zombie attempt that saw another fleet leaves the plan alone', async () => {
  const store = new MemoryBus();
  const planDigest = await fresh(store).save(plan());
  await fresh(store).save(plan({ alreadyThere: hosts.slice(0, 1) }));

  expect(await fresh(store).load({ ...run, planDigest })).toEqual(plan());
});

it('plans and chains of old upgrades go, those of the latest stay', async () => {
  const store = new MemoryBus();
  const bus = store.connect();
  const upgrades = Array.from({ length: 8 }, (_, index) => parseUpgradeId(`lab-${index + 1}`));
  const keys = busKeys(fleetId);
  for (const upgrade of upgrades) {
    await bus.write({ conditions: [], puts: [{ key: keys.baton(upgrade), value: '{}' }] });
    await fresh(store).save({ ...plan(), upgrade });
  }

  const kept = upgrades.filter((upgrade) => store.under(`${keys.plans}${upgrade}/`).length > 0);
  expect(kept).toEqual(upgrades.slice(3));
  expect(upgrades.filter((upgrade) => store.json(keys.baton(upgrade)) !== null)).toEqual(upgrades.slice(3));
});

it('a page that was changed or lost is noticed, and what to do is said', async () => {
  const store = new MemoryBus();
  const bus = store.connect();
  const planDigest = await fresh(store).save(plan());
  const page = at(store.under(busKeys(fleetId).plan(run.upgrade, planDigest)), 3);
  await bus.write({ conditions: [], puts: [], deletes: [page.key] });

  await expect(fresh(store).load({ ...run, planDigest })).rejects.toThrow(/etcd was wiped or restored; start it again/);
  await expect(fresh(store).load({ ...run, planDigest: digestOf('f') })).rejects.toThrow(/is not on the bus/);
});

it('a wave is loaded a page at a time, and the hosts that are there already under no name', async () => {
  const store = new MemoryBus();
  const planDigest = await fresh(store).save(plan({ alreadyThere: hosts.slice(0, 2) }));
  const loadWave = createLoadWave(fresh(store));

  const page = await loadWave({ ...run, planDigest, wave: 'chain', offset: 9_950 });
  expect(page).toEqual({ hosts: hosts.slice(9_950), total: 10_000 });
  expect((await loadWave({ ...run, planDigest, wave: 'chain', offset: 0 })).hosts).toHaveLength(MAX_WAVE_HOSTS);
  expect(await loadWave({ ...run, planDigest, wave: null, offset: 0 })).toEqual({ hosts: hosts.slice(0, 2), total: 2 });
  await expect(loadWave({ ...run, planDigest, wave: 'wave-9', offset: 0 })).rejects.toThrow(/no wave "wave-9"/);
});
