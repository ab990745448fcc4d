import { describe, expect, it } from 'vitest';
import { LoadBalancerError } from '../../model/load-balancer.ts';
import { eventually } from '../eventually.ts';
import { shop } from '../model/units.ts';
import { fastClock, newEnvironment, perform } from './harness.ts';
import { sleepingClock, UnitHarness } from './unit-harness.ts';

const GREEN = { unit: shop, slot: 'green' } as const;
const WEB = 'host-1-shop-green-web-1';

function start() {
  const harness = new UnitHarness();
  const { units, place, activities } = harness;
  return { units, activities, input: { ...place, slot: 'green' } as const };
}

describe('a cutover', () => {
  it('sends requests to the slot, and gives its counts from before', async () => {
    const { units, activities, input } = start();
    units.balancer.answer(GREEN, { requests: 7, errors: 1 });

    expect(await perform(activities.cutOver, input)).toEqual({ traffic: { requests: 7, errors: 1 } });

    expect(units.balancer.told).toEqual(['shop green']);
  });

  it('that is done already is done again, as after an answer that was lost', async () => {
    const { units, activities, input } = start();
    await perform(activities.cutOver, input);

    await perform(activities.cutOver, input);

    expect(units.balancer.told).toEqual(['shop green', 'shop green']);
  });

  it('at a balancer that counts nothing has no counts', async () => {
    const { units, activities, input } = start();
    units.balancer.traffic = async () => Promise.resolve(null);

    expect(await perform(activities.cutOver, input)).toEqual({ traffic: null });
  });

  it('waits for a balancer that is away', async () => {
    const { units, activities, input } = start();
    units.balancer.down();

    await expect(perform(activities.cutOver, input)).rejects.toThrow(LoadBalancerError);

    units.balancer.up();
    expect(units.balancer.told).toEqual([]);
  });

  it('of a unit without a balancer is wrong input', async () => {
    const { units, activities, input } = start();
    units.fleetUnit = { ...units.fleetUnit, balancer: null };

    await expect(perform(activities.cutOver, input)).rejects.toThrow('nothing can send requests to a slot of it');
  });
});

describe('draining a slot', () => {
  it('waits until none of its servers has anything to do', async () => {
    const { units, activities, input } = start();
    units.clock = fastClock(20);
    units.balancer.change(GREEN, WEB, { sessions: 2 });
    let isOver = false;
    const beats: unknown[] = [];
    const drained = perform(activities.drainSlot, { ...input, waitMs: 600_000 }, { beats }).finally(
      () => (isOver = true),
    );
    await eventually(() => beats.length > 1);
    expect(isOver).toBe(false);

    units.balancer.change(GREEN, WEB, { sessions: 0 });

    expect(await drained).toEqual({ sessions: 0 });
    expect(beats[0]).toEqual({ unitStep: 'delete', detail: 'green is finishing its requests' });
  });

  it('looks three times in a row: a request may be on its way', async () => {
    const { units, activities, input } = start();
    units.clock = sleepingClock();
    const servers = units.balancer.servers.bind(units.balancer);
    let looks = 0;
    units.balancer.servers = async (unit, slot, signal) => {
      looks += 1;
      units.balancer.change(GREEN, WEB, { sessions: looks === 2 ? 1 : 0 });
      return servers(unit, slot, signal);
    };

    await perform(activities.drainSlot, { ...input, waitMs: 600_000 });

    expect(looks).toBe(5);
  });

  it('ends when its time is over, and says how much is left', async () => {
    const { units, activities, input } = start();
    units.clock = sleepingClock();
    units.balancer.change(GREEN, WEB, { sessions: 3 });

    expect(await perform(activities.drainSlot, { ...input, waitMs: 1_000 })).toEqual({ sessions: 3 });
  });

  it('without any time looks once', async () => {
    const { activities, input } = start();

    expect(await perform(activities.drainSlot, { ...input, waitMs: 0 })).toEqual({ sessions: 0 });
  });

  it('waits for a balancer that is away, and ends when it is cancelled', async () => {
    const { units, activities, input } = start();
    units.balancer.change(GREEN, WEB, { sessions: 1 });
    const env = newEnvironment();
    const draining = perform(activities.drainSlot, { ...input, waitMs: 600_000 }, { env });
    env.cancel('CANCELLED');
    await expect(draining).rejects.toThrow();

    units.balancer.down();
    await expect(perform(activities.drainSlot, { ...input, waitMs: 600_000 })).rejects.toThrow(LoadBalancerError);
  });
});
