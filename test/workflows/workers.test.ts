import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { sample } from '../nightly.ts';
import { Seeded } from './seeded.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());
afterEach(async () => {
  await world.stopWorker();
  await world.startWorker();
});

/** How often the worker is taken away in the middle of one upgrade. */
const INTERRUPTIONS = 2;
const SEED = 1;
/** A restarted worker's activities wait for their heartbeat timeout; ms. */
const LONG_MS = 180_000;

test(
  'a worker that ends in the middle of an install is replaced, and no host is ordered twice',
  async () => {
    const fleet = world.fleet(3);
    fleet.host('host-2').hold();
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.begun('install').length === 2);

    await world.stopWorker();
    fleet.host('host-2').letGo();
    await world.startWorker();
    const end = await upgrade.end();

    expect(end.state).toBe('succeeded');
    expect(orders(fleet)).toEqual([1, 1, 1]);
  },
  LONG_MS,
);

test(
  'a pause and its resume outlive the worker',
  async () => {
    const fleet = world.fleet(3);
    fleet.host('host-1').hold();
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.begun('install').length === 1);
    await upgrade.command('pause');
    fleet.host('host-1').letGo();
    await upgrade.until(({ state }) => state === 'paused');

    await world.stopWorker();
    await world.startWorker();
    const paused = await upgrade.progress();
    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(paused.state).toBe('paused');
    expect(end.state).toBe('succeeded');
    expect(orders(fleet)).toEqual([1, 1, 1]);
  },
  LONG_MS,
);

test(
  'two workers share an upgrade, and one of them may go at any time',
  async () => {
    const fleet = world.fleet(12);
    const second = await world.startWorker();
    const install = { strategy: 'waves', sizes: [{ hosts: 4 }], maxUnavailable: null } as const;
    fleet.host('host-6').hold();
    const upgrade = await world.start(fleet, { install });
    await fleet.until(() => fleet.begun('install').includes('host-6'));

    await world.stopWorker(second);
    fleet.host('host-6').letGo();
    const end = await upgrade.end();

    expect(end.state).toBe('succeeded');
    expect(orders(fleet)).toEqual(Array.from({ length: 12 }, () => 1));
  },
  LONG_MS,
);

describe(`interrupted by chance, seed ${SEED}`, () => {
  test.each(sample('strategies without a worker now and then', ['serial', 'waves', 'daisy-chain'] as const, 1))(
    'a %s upgrade ends as if nothing had been, with every host changed once',
    async (strategy) => {
      const fleet = world.fleet(5);
      const install =
        strategy === 'waves'
          ? ({ strategy, sizes: [{ hosts: 3 }], maxUnavailable: { hosts: 2 } } as const)
          : { strategy };
      const restarts = interruptByChance(fleet, SEED);

      const end = await (await world.start(fleet, { install })).end();
      await restarts.ended();

      expect(restarts.count(), 'restarts of the worker').toBeGreaterThan(0);
      expect(end.state).toBe('succeeded');
      expect([...fleet.hosts.values()].map(({ applied }) => applied)).toEqual([1, 1, 1, 1, 1]);
      expect(orders(fleet)).toEqual([1, 1, 1, 1, 1]);
      expect(fleet.mostAtWork).toBeLessThanOrEqual(strategy === 'waves' ? 2 : 1);
    },
    LONG_MS,
  );
});

const orders = (fleet: FakeFleet): readonly number[] => [...fleet.hosts.values()].map((host) => host.orders);

/** Takes the worker away at random ends of activities, and starts another. */
function interruptByChance(fleet: FakeFleet, seed: number): { ended: () => Promise<void>; count: () => number } {
  const random = new Seeded(seed);
  let restarts = 0;
  let restarting: Promise<void> = Promise.resolve();
  const restart = async (): Promise<void> => {
    await world.stopWorker();
    await world.startWorker();
  };
  fleet.onActivity = () => {
    if (restarts >= INTERRUPTIONS || random.next() > 0.2) return;
    restarts += 1;
    // Not awaited: the worker waits for this activity before it ends.
    restarting = restarting.then(restart);
  };
  return { ended: async () => restarting, count: () => restarts };
}
