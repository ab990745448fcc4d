import { describe, expect, it } from 'vitest';
import type { RemoveSlotInput } from '../../activities/unit-activities.ts';
import { EngineError } from '../../model/engine.ts';
import { LoadBalancerError } from '../../model/load-balancer.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import { networkName, type Slot, type UnitService } from '../../model/unit.ts';
import { shop, unitJob, unitMigration, unitRelease } from '../model/units.ts';
import { perform } from './harness.ts';
import { UnitHarness } from './unit-harness.ts';

const VOLUMES: Readonly<Record<string, readonly string[]>> = {
  db: ['shop-shared-data:/data', 'legacy:/old'],
  web: ['shop-{slot}-cache:/cache', 'uploads:/uploads'],
};
const services = unitRelease().services.map((one): UnitService => ({ ...one, volumes: VOLUMES[one.name] ?? [] }));
const unit = unitRelease({ services, tests: [unitJob('smoke')], migrations: [unitMigration('orders-v2')] });

/** Slot blue takes the requests, green is made and tested. */
async function start() {
  const harness = new UnitHarness(unit);
  await harness.install();
  harness.units.publish('2.0.0', unit);
  const input = { ...(await harness.plan()), upgrade: parseUpgradeId('lab-2') };
  await harness.make(input);
  for (const job of ['orders-v2', 'smoke'])
    await perform(harness.activities.runUnitJob, { ...input, job, direction: 'up', attempt: 1 });
  const slot = (of: Slot, isFirst = false): RemoveSlotInput => ({ ...harness.place, slot: of, isFirst });
  return { harness, units: harness.units, activities: harness.activities, slot };
}

const names = ({ units }: UnitHarness): readonly string[] =>
  [...units.engines.values()].flatMap((engine) => engine.containers.all().map(({ name }) => name)).sort();
const all = ({ units }: UnitHarness, of: 'networks' | 'volumes'): readonly string[] =>
  [...new Set([...units.engines.values()].flatMap(({ slots }) => [...slots[of].keys()]))].sort();

const BLUE = ['shop-blue-api-1', 'shop-blue-web-1', 'shop-blue-web-2'];
const SHARED = networkName(shop, 'shared');

describe('removing a slot', () => {
  it('takes its members, its jobs, its networks and the volumes named after it, and nothing else', async () => {
    const { harness, activities, slot } = await start();
    harness.units.engine('host-1').run('somebody', 'other:1');

    // Three members, and the test beside one of them.
    expect(await perform(activities.removeSlot, slot('green'))).toEqual({ removed: 4 });

    expect(names(harness)).toEqual([...BLUE, 'shop-job-orders-v2', 'shop-shared-db-1', 'somebody'].sort());
    expect(all(harness, 'networks')).toEqual([SHARED, 'shop-blue']);
    expect(all(harness, 'volumes')).toEqual(['legacy', 'shop-blue-cache', 'shop-shared-data', 'uploads']);
    expect(harness.units.containers('blue').every((name) => name.endsWith('running'))).toBe(true);
  });

  it('takes shared members out of its network, and leaves them in the others', async () => {
    const { units, activities, slot } = await start();

    await perform(activities.removeSlot, slot('green'));

    const db = units.engine('host-1').containers.find('shop-shared-db-1');
    expect([...(db?.networks.keys() ?? [])].sort()).toEqual([SHARED, 'shop-blue']);
    expect(db?.running).toBe(true);
  });

  it('that is gone removes nothing', async () => {
    const { activities, slot } = await start();
    await perform(activities.removeSlot, slot('green'));

    expect(await perform(activities.removeSlot, slot('green'))).toEqual({ removed: 0 });
  });

  it.each(['stopContainer', 'removeContainer', 'disconnectNetwork', 'removeNetwork', 'removeVolumes'] as const)(
    'goes on where it was when an answer to %s was lost',
    async (call) => {
      const { harness, units, activities, slot } = await start();
      units.engine('host-1').failNext(call, 'unreachable', 'done');

      await expect(perform(activities.removeSlot, slot('green'))).rejects.toThrow(EngineError);
      await perform(activities.removeSlot, slot('green'));

      expect(names(harness).filter((name) => name.includes('green'))).toEqual([]);
      expect(all(harness, 'networks')).not.toContain('shop-green');
      expect(all(harness, 'volumes')).not.toContain('shop-green-cache');
    },
  );

  it('waits for an engine that is away: something of it may be there', async () => {
    const { harness, units, activities, slot } = await start();
    units.engine('host-2').down();

    await expect(perform(activities.removeSlot, slot('green'))).rejects.toThrow(EngineError);

    units.engine('host-2').up();
    await perform(activities.removeSlot, slot('green'));
    expect(names(harness).filter((name) => name.includes('green'))).toEqual([]);
  });

  it('leaves its network there while somebody else’s container is in it', async () => {
    const { harness, units, activities, slot } = await start();
    const engine = units.engine('host-1');
    engine.run('somebody', 'other:1');
    await engine.connectNetwork({ network: 'shop-green', container: 'somebody', aliases: [] });
    engine.containers.find('somebody')?.networks.set('shop-green', []);

    await perform(activities.removeSlot, slot('green'));

    expect(all(harness, 'networks')).toContain('shop-green');
    expect(engine.containers.find('somebody')?.running).toBe(true);
  });

  it('finds what is left on a host that has no member any more', async () => {
    const { harness, units, activities, slot } = await start();
    units.publish('3.0.0', unitRelease());
    units.engine('host-2').slots.volumes.add('shop-green-old');

    await perform(activities.removeSlot, slot('green'));

    expect(all(harness, 'volumes')).not.toContain('shop-green-old');
  });
});

describe('the slot that takes the requests', () => {
  it.each([
    ['blue', 'slot blue of unit shop takes the requests; it is not removed'],
    ['unset', 'slot blue of unit shop may take the requests, the load balancer does not say; it is not removed'],
    ['mixed', 'the frontends of unit shop send requests to both slots'],
  ] as const)('is never removed: the balancer says %s', async (active, message) => {
    const { harness, units, activities, slot } = await start();
    units.balancer.setActive(shop, active);
    const before = names(harness);

    await expect(perform(activities.removeSlot, slot('blue'))).rejects.toThrow(message);

    expect(names(harness)).toEqual(before);
  });

  it('is not known while the balancer is away, so nothing is removed', async () => {
    const { harness, units, activities, slot } = await start();
    units.balancer.down();
    const before = names(harness);

    await expect(perform(activities.removeSlot, slot('green'))).rejects.toThrow(LoadBalancerError);

    expect(names(harness)).toEqual(before);
  });

  it('is not known of a unit without a balancer', async () => {
    const { units, activities, slot } = await start();
    units.fleetUnit = { ...units.fleetUnit, balancer: null };

    await expect(perform(activities.removeSlot, slot('green'))).rejects.toThrow(/may take the requests/);
  });
});

describe('a first install that is taken back', () => {
  it('leaves nothing of the unit but the volumes of shared services, which hold data', async () => {
    const harness = new UnitHarness(unit);
    const input = await harness.plan();
    await harness.make(input);
    await perform(harness.activities.runUnitJob, { ...input, job: 'orders-v2', direction: 'up', attempt: 1 });

    await perform(harness.activities.removeSlot, { ...harness.place, slot: 'blue', isFirst: true });

    expect(names(harness)).toEqual([]);
    expect(all(harness, 'networks')).toEqual([]);
    expect(all(harness, 'volumes')).toEqual(['legacy', 'shop-shared-data', 'uploads']);
  });

  it('leaves shared services that were there before it, with their network and volumes', async () => {
    const harness = new UnitHarness(unit);
    await harness.install();
    for (const engine of harness.units.engines.values())
      for (const name of BLUE) await engine.removeContainer(name, { force: true });
    const input = { ...(await harness.plan()), upgrade: parseUpgradeId('lab-2') };
    await harness.make(input);

    await perform(harness.activities.removeSlot, {
      ...harness.place,
      upgrade: input.upgrade,
      slot: 'blue',
      isFirst: true,
    });

    expect(input.plan).toMatchObject({ from: null, present: [{ container: 'shop-shared-db-1' }] });
    expect(names(harness)).toEqual(['shop-shared-db-1']);
    expect(all(harness, 'networks')).toEqual([SHARED]);
    expect(all(harness, 'volumes')).toContain('shop-shared-data');
    const db = harness.units.engine('host-1').containers.find('shop-shared-db-1');
    expect([...(db?.networks.keys() ?? [])]).toEqual([SHARED]);
  });
});

describe('reading the slots', () => {
  it('counts members, not jobs, and says which takes the requests', async () => {
    const { harness, activities } = await start();

    expect(await perform(activities.readSlots, harness.place)).toEqual({
      ...{ active: 'blue', containers: { blue: 3, green: 3, shared: 1 } },
    });
  });

  it.each(['unset', null] as const)('knows no active one as long as nobody says it: %s', async (active) => {
    const { harness, units, activities } = await start();
    if (active === null) units.fleetUnit = { ...units.fleetUnit, balancer: null };
    else units.balancer.setActive(shop, active);

    expect(await perform(activities.readSlots, harness.place)).toMatchObject({ active: null });
  });

  it('waits for an engine that is away', async () => {
    const { harness, units, activities } = await start();
    units.engine('host-2').down();

    await expect(perform(activities.readSlots, harness.place)).rejects.toThrow(EngineError);
  });
});
