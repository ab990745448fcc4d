import { describe, expect, it } from 'vitest';
import type { Confirmation, SlotPlanInput } from '../../activities/unit-activities.ts';
import { EngineError } from '../../model/engine.ts';
import { LoadBalancerError } from '../../model/load-balancer.ts';
import { parseHostId } from '../../model/ids.ts';
import { shop, unitRelease } from '../model/units.ts';
import { fastClock, newEnvironment, perform } from './harness.ts';
import { sleepingClock, UnitHarness } from './unit-harness.ts';

/** Time that the activity has; ms. */
const WITHIN_MS = 20_000;

/** Slot blue takes the requests, slot green is made. */
async function start(unit = unitRelease()) {
  const harness = new UnitHarness();
  await harness.install();
  harness.units.publish('2.0.0', unit);
  const input = await harness.plan();
  await harness.make(input);
  harness.units.clock = sleepingClock();
  const confirm = async (withinMs = WITHIN_MS): Promise<Confirmation> =>
    perform(harness.activities.confirmSlots, { ...input, withinMs });
  return { harness, units: harness.units, input, confirm };
}

/** How often each slot was looked at, and what is done before a look. */
function looks({ units }: Awaited<ReturnType<typeof start>>, before: (look: number) => void = () => undefined) {
  const counts = { looks: 0 };
  const servers = units.balancer.servers.bind(units.balancer);
  units.balancer.servers = async (unit, slot, signal) => {
    if (slot === 'green') before(++counts.looks);
    return servers(unit, slot, signal);
  };
  return counts;
}

describe('both slots', () => {
  it('are confirmed when three looks in a row find everything well', async () => {
    const started = await start();
    const counts = looks(started);

    expect(await started.confirm()).toEqual({ problem: null });

    expect(counts.looks).toBe(3);
  });

  it('are looked at three times anew when one look found something', async () => {
    const started = await start();
    const counts = looks(started, (look) => {
      const health = look === 2 ? 'down' : 'up';
      started.units.balancer.change({ unit: shop, slot: 'green' }, 'host-1-shop-green-web-1', { health });
    });

    expect(await started.confirm()).toEqual({ problem: null });

    expect(counts.looks).toBe(5);
  });

  it('that were well in two looks get their third one, also past the time', async () => {
    const { confirm } = await start();

    expect(await confirm(0)).toEqual({ problem: null });
  });
});

type Started = Awaited<ReturnType<typeof start>>;
type Case = readonly [title: string, spoil: (started: Started) => void | Promise<void>, end: Confirmation];

const cases: readonly Case[] = [
  [
    'a member of the new slot that is gone',
    async ({ units }) => units.engine('host-2').removeContainer('shop-green-web-2', { force: true }),
    { slot: 'green', problem: 'shop-green-web-2 on host-2 is gone' },
  ],
  [
    'a member of the new slot that does not run',
    async ({ units }) => units.engine('host-1').stopContainer('shop-green-api-1', {}),
    { slot: 'green', problem: 'shop-green-api-1 on host-1 does not run' },
  ],
  [
    'a member of the new slot that is unhealthy',
    ({ units }) => units.engine('host-1').containers.sicken('shop-green-api-1', 'sick'),
    { slot: 'green', problem: 'shop-green-api-1 on host-1 is unhealthy' },
  ],
  [
    'a server of the new slot that the balancer finds down',
    ({ units }) => units.balancer.change({ unit: shop, slot: 'green' }, 'host-2-shop-green-web-2', { health: 'down' }),
    { slot: 'green', problem: 'shop-green-web-2 on host-2 is ready and down at edge' },
  ],
  [
    'a member of the slot that serves, which is not well',
    async ({ units }) => units.engine('host-1').stopContainer('shop-blue-web-1', {}),
    { slot: 'blue', problem: 'shop-blue-web-1 on host-1 does not run' },
  ],
];

describe('the problem', () => {
  it.each(cases)('is %s, and whose it is, when the time is over', async (_, spoil, end) => {
    const started = await start();
    await spoil(started);

    expect(await started.confirm(1_000)).toEqual(end);
  });

  it('is the new slot’s when neither is well', async () => {
    const { units, confirm } = await start();
    for (const slot of ['blue', 'green']) await units.engine('host-1').stopContainer(`shop-${slot}-web-1`, {});

    expect(await confirm(0)).toMatchObject({ slot: 'green' });
  });

  it('stands in the beats meanwhile', async () => {
    const { harness, units, input } = await start();
    units.engine('host-1').containers.sicken('shop-green-api-1', 'sick');
    units.clock = fastClock(2);
    const beats: unknown[] = [];

    await perform(harness.activities.confirmSlots, { ...input, withinMs: 4_000 }, { beats });

    expect(beats).toContainEqual({ unitStep: 'confirm', detail: 'shop-green-api-1 on host-1 is unhealthy' });
  });
});

describe('a member’s own probe', () => {
  it('is asked of the new slot, and what it says is told without any word of the unit’s files', async () => {
    const probe = { type: 'tcp' } as const;
    const services = unitRelease().services.map((one) =>
      one.name === 'web' ? { ...one, health: { ...one.health, probe } } : one,
    );
    const { units, confirm } = await start(unitRelease({ services }));
    units.engine('host-2').awaitHealth = async () => Promise.resolve('it asked for the-account-canary');

    expect(await confirm(1_000)).toEqual({
      slot: 'green',
      problem: 'shop-green-web-2 on host-2: it asked for …',
    });
  });
});

describe('who can not be asked', () => {
  it('is no problem of a slot: an engine that is away is waited for', async () => {
    const { units, confirm } = await start();
    units.engine('host-2').down();

    await expect(confirm(0)).rejects.toThrow(EngineError);

    units.engine('host-2').up();
    expect(await confirm(0)).toEqual({ problem: null });
  });

  it('nor is a load balancer', async () => {
    const { units, confirm } = await start();
    units.balancer.down();

    await expect(confirm(0)).rejects.toThrow(LoadBalancerError);
  });
});

it('a first install has one slot to be looked at', async () => {
  const harness = new UnitHarness();
  const input: SlotPlanInput = await harness.plan();
  await harness.make(input);
  harness.units.clock = sleepingClock();

  expect(await perform(harness.activities.confirmSlots, { ...input, withinMs: WITHIN_MS })).toEqual({ problem: null });
  expect(input.plan.members[0]?.host).toBe(parseHostId('host-1'));
});

it('an attempt that is cancelled ends', async () => {
  const { harness, units, input } = await start();
  units.engine('host-1').containers.sicken('shop-green-api-1', 'sick');
  const env = newEnvironment();

  const confirming = perform(harness.activities.confirmSlots, { ...input, withinMs: 3_600_000 }, { env });
  env.cancel('CANCELLED');

  await expect(confirming).rejects.toThrow();
});
