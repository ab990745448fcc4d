import { describe, expect, it } from 'vitest';
import type { SoakEnd, SoakInput } from '../../activities/unit-activities.ts';
import type { SoakPolicy } from '../../model/unit.ts';
import { eventually } from '../eventually.ts';
import { shop, unitRelease } from '../model/units.ts';
import { fastClock, newEnvironment, perform } from './harness.ts';
import { sleepingClock, UnitHarness } from './unit-harness.ts';

const GREEN = { unit: shop, slot: 'green' } as const;
const WEB = 'host-1-shop-green-web-1';
const policy: SoakPolicy = {
  ...{ durationMs: 20_000, maxErrorRate: 0.1, minRequests: 10, windowMs: 10_000, unhealthyMs: 5_000 },
};
/** How much faster time goes where beats are waited for, which have their own. */
const TIMES = 50;
const MINUTE_MS = 60_000;
/** Longer than any test waits. */
const HOUR_MS = 3_600_000;

/** Requests go to slot green since a moment. */
async function start(changes: Partial<SoakPolicy> = {}, unit = unitRelease()) {
  const harness = new UnitHarness();
  const { units, activities, place } = harness;
  await harness.install();
  units.publish('2.0.0', unit);
  const input = await harness.plan();
  await harness.make(input);
  const { traffic: baseline } = await perform(activities.cutOver, { ...place, slot: 'green' });
  units.clock = sleepingClock();
  const soak = { ...policy, ...changes };
  const asked: SoakInput = { ...input, soak, until: units.clock.now() + soak.durationMs, baseline };
  const watch = async (
    more: Partial<SoakInput> = {},
    env = newEnvironment(),
    beats: unknown[] = [],
  ): Promise<SoakEnd> => perform(activities.soakSlot, { ...asked, ...more }, { env, beats });
  return { harness, units, watch, now: () => units.clock.now() };
}

/** What the next attempt is told of the one before. */
const nextAttempt = (heartbeatDetails: unknown) =>
  newEnvironment({ attempt: 2, heartbeatDetails: JSON.parse(JSON.stringify(heartbeatDetails)) as unknown });

/** Beats until one says it; then the worker is gone. */
async function interrupted({ units, watch }: Awaited<ReturnType<typeof start>>, isSaid: (beat: unknown) => boolean) {
  const env = newEnvironment();
  const beats: unknown[] = [];
  units.clock = fastClock(TIMES);
  const first = watch({ until: Number.MAX_SAFE_INTEGER }, env, beats);
  await eventually(() => beats.some(isSaid));
  env.cancel('WORKER_SHUTDOWN');
  await expect(first).rejects.toThrow();
  return beats.find(isSaid);
}

describe('a soak', () => {
  it('in which nothing is wrong ends with its time, and gives what was counted since the cutover', async () => {
    const { units, watch } = await start();
    const soaking = watch();
    units.balancer.answer(GREEN, { requests: 100, errors: 2 });

    expect(await soaking).toEqual({ problem: null, traffic: { requests: 100, errors: 2 } });
  });

  it('does not count what the slot answered before it', async () => {
    const { units, watch } = await start();
    units.balancer.answer(GREEN, { requests: 500, errors: 500 });

    const end = await watch({ baseline: { requests: 500, errors: 500 } });

    expect(end).toEqual({ problem: null, traffic: { requests: 0, errors: 0 } });
  });

  it('ends at once when too many requests fail', async () => {
    const { units, watch } = await start({ durationMs: HOUR_MS });
    units.balancer.answer(GREEN, { requests: 40, errors: 8 });

    const { problem, traffic } = await watch();

    expect(problem).toContain('8 of 40 requests failed');
    expect(traffic).toEqual({ requests: 40, errors: 8 });
  });

  it('judges no share of a handful of requests, and none at all if it is not asked for', async () => {
    const few = await start();
    few.units.balancer.answer(GREEN, { requests: 9, errors: 9 });
    const unasked = await start({ maxErrorRate: null });
    unasked.units.balancer.answer(GREEN, { requests: 90, errors: 90 });

    expect(await few.watch()).toMatchObject({ problem: null });
    expect(await unasked.watch()).toMatchObject({ problem: null });
  });

  it('over a restart of the balancer, which counts anew, counts on', async () => {
    const { units, watch } = await start({ durationMs: HOUR_MS });
    units.clock = fastClock(TIMES);
    units.balancer.answer(GREEN, { requests: 30, errors: 2 });
    const beats: unknown[] = [];
    const soaking = watch({}, newEnvironment(), beats);
    await eventually(() => expect(beats.at(-1)).toMatchObject({ detail: '30 requests, 2 failed' }));

    units.balancer.restart();
    units.balancer.answer(GREEN, { requests: 20, errors: 9 });

    expect(await soaking).toMatchObject({ traffic: { requests: 50, errors: 11 } });
  });

  it('at a balancer that counts nothing watches the members only', async () => {
    const { units, watch } = await start({ maxErrorRate: null });
    units.balancer.traffic = async () => Promise.resolve(null);

    expect(await watch({ baseline: null })).toEqual({ problem: null, traffic: null });
  });
});

describe('a member that is not well', () => {
  it.each([
    ['does not run', 'shop-green-web-1 on host-1 does not run'],
    ['is gone', 'shop-green-web-1 on host-1 is gone'],
    ['is unhealthy', 'shop-green-web-1 on host-1 is unhealthy'],
    ['is down at the balancer', 'shop-green-web-1 on host-1 is ready and down at edge'],
  ])('for longer than it may be is a problem: it %s', async (how, words) => {
    const { units, watch } = await start({ durationMs: HOUR_MS });
    const engine = units.engine('host-1');
    if (how === 'does not run') await engine.stopContainer('shop-green-web-1', {});
    else if (how === 'is gone') await engine.removeContainer('shop-green-web-1', { force: true });
    else if (how === 'is unhealthy') engine.containers.sicken('shop-green-web-1', 'sick');
    else units.balancer.change(GREEN, WEB, { health: 'down' });

    const { problem } = await watch();

    expect(problem).toMatch(new RegExp(`^${words}, for \\d+ ms$`));
  });

  it('for a shorter time is none', async () => {
    const { units, watch } = await start({ unhealthyMs: MINUTE_MS });
    units.balancer.change(GREEN, WEB, { health: 'down' });

    expect(await watch()).toMatchObject({ problem: null });
  });

  it('again and again is none, if it was well in between', async () => {
    const { units, watch } = await start({ durationMs: MINUTE_MS });
    const servers = units.balancer.servers.bind(units.balancer);
    let looks = 0;
    units.balancer.servers = async (unit, slot, signal) => {
      looks += 1;
      units.balancer.change(GREEN, WEB, { health: looks % 4 === 0 ? 'up' : 'down' });
      return servers(unit, slot, signal);
    };

    expect(await watch()).toMatchObject({ problem: null });
  });

  it('of the earlier slot is no problem of this one', async () => {
    const { units, watch } = await start({ unhealthyMs: 1_000 });
    await units.engine('host-1').stopContainer('shop-blue-web-1', {});

    expect(await watch()).toMatchObject({ problem: null });
  });
});

describe('a member’s own probe', () => {
  const probe = { type: 'http', path: '/ready', status: 200, contains: null } as const;
  const services = unitRelease().services.map((one) =>
    one.name === 'web' ? { ...one, health: { ...one.health, probe } } : one,
  );

  it('that finds it unwell for longer than it may be is a problem, told without any word of the unit’s files', async () => {
    const { units, watch } = await start({ durationMs: HOUR_MS }, unitRelease({ services }));
    units.engine('host-1').awaitHealth = async () => Promise.resolve('it said: no access with the-account-canary');

    expect((await watch()).problem).toMatch(/^shop-green-web-1 on host-1: it said: no access with …, for \d+ ms$/);
  });

  it('is not asked at every look', async () => {
    const { units, watch } = await start({ durationMs: 10_000 }, unitRelease({ services }));
    const asked: unknown[] = [];
    units.engine('host-1').awaitHealth = async (_, health) => {
      asked.push(health.probe);
      return Promise.resolve(null);
    };

    expect(await watch()).toMatchObject({ problem: null });

    // Twenty looks and the last one.
    expect(asked).toHaveLength(6);
    expect(asked[0]).toMatchObject({ type: 'http', url: 'http://host-1.lab:20300/ready' });
  });
});

describe('who can not be asked', () => {
  it('does not say either that a member is well again', async () => {
    const { units, watch } = await start({ durationMs: HOUR_MS, unhealthyMs: MINUTE_MS });
    units.balancer.change(GREEN, WEB, { health: 'down' });
    const servers = units.balancer.servers.bind(units.balancer);
    let looks = 0;
    units.balancer.servers = async (unit, slot, signal) => {
      looks += 1;
      if (looks % 2 === 0) throw new Error('it does not answer');
      return servers(unit, slot, signal);
    };

    expect((await watch()).problem).toContain('shop-green-web-1 on host-1 is ready and down at edge, for ');
  });

  it('says nothing of the slot: an engine, or the balancer', async () => {
    const [engineAway, balancerAway] = [await start({ unhealthyMs: 1_000 }), await start({ unhealthyMs: 1_000 })];
    engineAway.units.engine('host-1').down();
    balancerAway.units.balancer.down();

    expect(await engineAway.watch()).toMatchObject({ problem: null });
    expect(await balancerAway.watch()).toEqual({ problem: null, traffic: null });
  });
});

describe('requests that do not go to the slot any more', () => {
  it.each(['blue', 'unset', 'mixed'] as const)(
    'are sent there again, as after a reload that read %s',
    async (active) => {
      const { units, watch } = await start();
      units.balancer.setActive(shop, active);

      expect(await watch()).toMatchObject({ problem: null });

      expect(await units.balancer.active({ unit: shop, balancer: unitBalancer(units) })).toBe('green');
    },
  );

  it('are a problem when somebody takes them away again and again', async () => {
    const { units, watch } = await start({ durationMs: HOUR_MS });
    units.balancer.active = async () => Promise.resolve('blue');

    expect(await watch()).toMatchObject({
      problem: 'requests go to blue, though they were cut over to green again and again',
    });
    expect(units.balancer.told).toEqual(['shop blue', 'shop green', 'shop green', 'shop green']);
  });
});

describe('a second attempt', () => {
  it('counts on from the first one’s beats, also over a restart of the balancer in between', async () => {
    const started = await start({ minRequests: 20 });
    const { units } = started;
    units.balancer.answer(GREEN, { requests: 50, errors: 4 });
    const beat = await interrupted(started, (one) => JSON.stringify(one).includes('50 requests'));
    units.balancer.restart();
    units.balancer.answer(GREEN, { requests: 10, errors: 3 });

    const { problem, traffic } = await started.watch({ until: started.now() }, nextAttempt(beat));

    expect(traffic).toEqual({ requests: 60, errors: 7 });
    expect(problem).toContain('7 of 60 requests failed (all since the cutover)');
  });

  it('knows since when a member is not well', async () => {
    const started = await start({ unhealthyMs: HOUR_MS, durationMs: 2 * HOUR_MS });
    started.units.balancer.change(GREEN, WEB, { health: 'down' });
    const beat = await interrupted(started, (one) => !JSON.stringify(one).includes('"unwellSince":null'));

    const { clock } = started.units;
    started.units.clock = { ...clock, now: () => clock.now() + HOUR_MS };
    const { problem } = await started.watch({ until: started.now() + HOUR_MS }, nextAttempt(beat));

    expect(problem).toContain('shop-green-web-1 on host-1 is ready and down at edge, for ');
  });

  it('that comes when the time is over looks once all the same', async () => {
    const { units, watch, now } = await start();
    units.balancer.answer(GREEN, { requests: 100, errors: 90 });

    const { problem } = await watch({ until: now() - HOUR_MS }, nextAttempt(null));

    expect(problem).toContain('90 of 100 requests failed');
  });

  it('takes nothing over from beats that are not its own', async () => {
    const { units, watch } = await start();
    units.balancer.answer(GREEN, { requests: 5, errors: 0 });

    expect(await watch({}, nextAttempt({ unitStep: 'soak', detail: 'of another version' }))).toEqual({
      ...{ problem: null, traffic: { requests: 5, errors: 0 } },
    });
  });
});

function unitBalancer({ fleetUnit: { balancer } }: UnitHarness['units']) {
  if (balancer === null) throw new Error('the unit has no balancer');
  return balancer;
}
