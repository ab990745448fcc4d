import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { exits } from '../fakes/fake-units.ts';
import { shop, unitJob, unitMigration, unitRelease } from '../model/units.ts';
import type { UnitRelease } from '../../model/unit.ts';
import { installed, startUnit } from './unit-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const upgraded = async (unit: UnitRelease = unitRelease()): Promise<FakeFleet> => {
  const fleet = world.fleet(2);
  fleet.install().publish('2.0.0', unit);
  return installed(world, fleet);
};
const unitsOf = ({ units }: FakeFleet): NonNullable<FakeFleet['units']> => {
  if (units === null) throw new Error('there is no unit');
  return units;
};
/** A promise, and what fulfils it. */
function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((fulfil) => (resolve = fulfil));
  return { promise, resolve: () => resolve() };
}
const HOUR_MS = 3_600_000;
const green = { unit: shop, slot: 'green' } as const;

describe('while the earlier slot is kept', () => {
  test('it runs, the view says until when and what can be done, and a rollback sends the requests back to it', async () => {
    const fleet = await upgraded(unitRelease({ migrations: [unitMigration('orders-v2')] }));
    const upgrade = await startUnit(world, fleet, { policy: { keepMs: HOUR_MS } });
    const kept = await upgrade.until(({ step }) => step === 'keep');
    expect(kept).toMatchObject({ state: 'running', active: 'green', standby: 'blue' });
    expect(kept.keptUntil).toBeGreaterThan(Date.now());
    expect(kept.waiting[0]?.movedOnBy).toBe(
      'refit unit delete-standby shop | refit unit rollback shop | refit unit abort shop',
    );
    expect(unitsOf(fleet).containers('blue')).toHaveLength(3);

    await upgrade.command('rollback', { by: 'ada', reason: 'too slow' });

    const end = await upgrade.end();
    expect(end).toMatchObject({ state: 'rolledBack', active: 'blue', standby: null, error: null });
    expect(unitsOf(fleet).balancer.told).toEqual(['shop blue', 'shop green', 'shop blue']);
    expect(unitsOf(fleet).containers('green')).toEqual([]);
    expect(unitsOf(fleet).ran).toEqual(['orders-v2', 'orders-v2-down']);
  });

  test('delete-standby ends the time', async () => {
    const fleet = await upgraded();
    const upgrade = await startUnit(world, fleet, { policy: { keepMs: HOUR_MS } });
    await upgrade.until(({ step }) => step === 'keep');

    const said = await upgrade.command('deleteStandby', { by: 'ada' });

    expect(said).toContain('slot blue is removed');
    expect(await upgrade.end()).toMatchObject({ state: 'succeeded', active: 'green', standby: null });
    expect(unitsOf(fleet).containers('blue')).toEqual([]);
  });

  test('it is deleted once when the time is over, also when no worker was there at that moment', async () => {
    const fleet = await upgraded();
    const upgrade = await startUnit(world, fleet, { policy: { keepMs: 1_500 } });
    const kept = await upgrade.until(({ step }) => step === 'keep');
    const removals: string[] = [];
    fleet.onActivity = (name, when): void => {
      if (name === 'removeSlot') removals.push(when);
    };

    await world.stopWorker();
    await expect.poll(() => Date.now() > (kept.keptUntil ?? Infinity), { timeout: 10_000 }).toBe(true);
    expect(unitsOf(fleet).containers('blue')).toHaveLength(3);
    await world.startWorker();

    expect(await upgrade.end()).toMatchObject({ state: 'succeeded' });
    expect(removals).toEqual(['before', 'after']);
    expect(unitsOf(fleet).containers('blue')).toEqual([]);
  });

  test('a pause stops its end, not its time', async () => {
    const fleet = await upgraded();
    const upgrade = await startUnit(world, fleet, { policy: { keepMs: 300 } });
    await upgrade.until(({ step }) => step === 'keep');
    await upgrade.command('pause');
    const paused = await upgrade.until(({ state }) => state === 'paused');
    await expect.poll(() => Date.now() > (paused.keptUntil ?? Infinity)).toBe(true);
    expect(unitsOf(fleet).containers('blue')).toHaveLength(3);

    await upgrade.command('resume');

    expect(await upgrade.end()).toMatchObject({ state: 'succeeded' });
  });

  test('after an abort both slots stay', async () => {
    const fleet = await upgraded();
    const upgrade = await startUnit(world, fleet, { policy: { keepMs: HOUR_MS } });
    await upgrade.until(({ step }) => step === 'keep');

    await upgrade.command('abort');

    expect(await upgrade.end()).toMatchObject({ state: 'aborted', active: 'green', standby: 'blue' });
    expect(unitsOf(fleet).containers('blue')).toHaveLength(3);
    expect(unitsOf(fleet).containers('green')).toHaveLength(3);
  });
});

describe('the soak', () => {
  test('returns the requests by itself when too many fail', async () => {
    const fleet = await upgraded();
    const units = unitsOf(fleet);
    const upgrade = await startUnit(world, fleet, {
      policy: { soak: { durationMs: 30_000, maxErrorRate: 0.1, minRequests: 10, windowMs: 1_000, unhealthyMs: 100 } },
    });
    await upgrade.until(({ step }) => step === 'soak');
    units.balancer.answer(green, { requests: 100, errors: 50 });

    const end = await upgrade.end();

    expect(end).toMatchObject({ state: 'rolledBack', active: 'blue', standby: null });
    expect(end.error).toContain('50 of 100 requests failed');
    expect(units.balancer.told.slice(-2)).toEqual(['shop green', 'shop blue']);
    expect(end.decisions.map(({ decision }) => decision)).toContain('return the requests, remove slot green');
    expect(units.containers('green')).toEqual([]);
  });

  test('sends the requests to the new slot again when a reload brought the earlier one back', async () => {
    const fleet = await upgraded();
    const units = unitsOf(fleet);
    const upgrade = await startUnit(world, fleet, {
      policy: { soak: { durationMs: 2_000, maxErrorRate: 0.1, minRequests: 10, windowMs: 1_000, unhealthyMs: 1_000 } },
    });
    await upgrade.until(({ step }) => step === 'soak');

    units.balancer.setActive(shop, 'blue');

    expect(await upgrade.end()).toMatchObject({ state: 'succeeded', active: 'green' });
    expect(units.balancer.told).toEqual(['shop blue', 'shop green', 'shop green']);
  });

  test('returns them when a member is not well for long', async () => {
    const fleet = await upgraded();
    const units = unitsOf(fleet);
    const upgrade = await startUnit(world, fleet, {
      policy: { soak: { durationMs: 30_000, maxErrorRate: null, minRequests: 10, windowMs: 1_000, unhealthyMs: 700 } },
    });
    await upgrade.until(({ step }) => step === 'soak');
    await units.engine('host-2').stopContainer('shop-green-web-2', {});

    const end = await upgrade.end();

    expect(end).toMatchObject({ state: 'rolledBack', active: 'blue' });
    expect(end.error).toContain('shop-green-web-2 on host-2 does not run');
  });

  test('of a unit that can not return asks, and goes on when told so', async () => {
    const oneWay = unitMigration('split', { down: null });
    const fleet = await upgraded(unitRelease({ migrations: [oneWay] }));
    const units = unitsOf(fleet);
    const upgrade = await startUnit(world, fleet, {
      policy: { soak: { durationMs: 30_000, maxErrorRate: 0.1, minRequests: 10, windowMs: 1_000, unhealthyMs: 100 } },
    });
    await upgrade.until(({ step }) => step === 'soak');
    const refused = await upgrade.command('rollback');
    expect(refused).toContain('forward only: migration split is applied and has no way back');
    units.balancer.answer(green, { requests: 100, errors: 50 });
    const asked = await upgrade.until(({ state }) => state === 'waiting');
    expect(asked.waiting[0]?.what).toContain('forward only');
    expect(asked.waiting[0]?.movedOnBy).toBe('refit unit resume shop | refit unit abort shop');
    expect(asked.active).toBe('green');

    await upgrade.command('resume');

    expect(await upgrade.end()).toMatchObject({ state: 'succeeded', active: 'green' });
  });
});

describe('migrations', () => {
  test('that the earlier release works with stay in place on a return', async () => {
    const fleet = await upgraded(
      unitRelease({ migrations: [unitMigration('index', { down: null, compatible: true })] }),
    );
    const upgrade = await startUnit(world, fleet, { policy: { keepMs: HOUR_MS } });
    await upgrade.until(({ step }) => step === 'keep');

    await upgrade.command('rollback');

    expect(await upgrade.end()).toMatchObject({ state: 'rolledBack' });
    expect(unitsOf(fleet).ran).toEqual(['index']);
  });

  test('that are applied already are not run again, nor taken back', async () => {
    const fleet = await upgraded(
      unitRelease({ migrations: [unitMigration('orders-v2', { check: ['is-there'] })], tests: [unitJob('smoke')] }),
    );
    unitsOf(fleet).program('smoke', () => exits(1));

    await (await startUnit(world, fleet)).end();

    expect(unitsOf(fleet).ran).toEqual(['is-there', 'smoke']);
  });

  test('are waited for, and taken back, when an operator rolls back in the middle of one', async () => {
    const fleet = await upgraded(unitRelease({ migrations: [unitMigration('orders-v2')] }));
    const units = unitsOf(fleet);
    const { promise: running, resolve: endIt } = withResolvers();
    units.program('orders-v2', async () => {
      await running;
      return exits(0);
    });
    const upgrade = await startUnit(world, fleet);
    await upgrade.until(({ step }) => step === 'expand');

    // The answer to a command does not wait for what runs.
    await upgrade.signal('rollback', { by: 'ada' });
    await upgrade.until(({ decisions }) => decisions.some(({ decision }) => decision === 'rollback'));
    endIt();

    expect(await upgrade.end()).toMatchObject({ state: 'rolledBack', active: 'blue' });
    expect(units.ran).toEqual(['orders-v2', 'orders-v2-down']);
    expect(units.containers('green')).toEqual([]);
  });
});

describe('approval', () => {
  test('is waited for before the cutover, and given by name', async () => {
    const fleet = await upgraded();
    const upgrade = await startUnit(world, fleet, { policy: { approval: true } });
    const asked = await upgrade.until(({ state }) => state === 'waiting');
    expect(asked).toMatchObject({ step: 'approval', active: 'blue' });
    expect(asked.waiting[0]?.movedOnBy).toContain('refit unit approve shop cutover');
    expect(await upgrade.command('approve', { step: 'nothing' })).toContain(
      'nothing is nothing that waits for approval',
    );

    await upgrade.command('approve', { step: 'cutover', by: 'ada' });

    expect(await upgrade.end()).toMatchObject({ state: 'succeeded', active: 'green' });
  });

  test('is asked for when the slot that serves is not well itself', async () => {
    const fleet = await upgraded();
    const units = unitsOf(fleet);
    await units.engine('host-1').stopContainer('shop-blue-web-1', {});
    const upgrade = await startUnit(world, fleet);
    const asked = await upgrade.until(({ state }) => state === 'waiting');
    expect(asked.waiting[0]?.what).toContain(
      'slot blue, which takes the requests, is not well: shop-blue-web-1 on host-1 does not run',
    );

    await upgrade.command('approve', { step: 'unwell' });

    expect(await upgrade.end()).toMatchObject({ state: 'succeeded', active: 'green' });
  });
});

describe('an operator', () => {
  test('who rolls back while a pull hangs gets through', async () => {
    const fleet = await upgraded();
    const units = unitsOf(fleet);
    for (const engine of units.engines.values()) {
      engine.pullImage = async ({ signal }) =>
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    }
    units.publish(
      '2.0.0',
      unitRelease({ services: unitRelease().services.map((one) => ({ ...one, port: one.shared ? one.port : null })) }),
    );
    units.fleetUnit = {
      ...units.fleetUnit,
      balancer: units.fleetUnit.balancer && { ...units.fleetUnit.balancer, frontends: [] },
    };
    const upgrade = await startUnit(world, fleet, {
      policy: { soak: { durationMs: 0, maxErrorRate: null, minRequests: 1, windowMs: 1, unhealthyMs: 1 } },
    });
    await upgrade.until(({ step }) => step === 'pull');

    await upgrade.command('rollback');

    expect(await upgrade.end()).toMatchObject({ state: 'rolledBack', active: 'blue' });
    expect(units.containers('blue')).toHaveLength(3);
  });

  test('can not delete a slot that may take the requests', async () => {
    const fleet = await upgraded();
    unitsOf(fleet).balancer.setActive(shop, 'unset');

    const end = await (await startUnit(world, fleet, { action: 'deleteStandby', release: null })).end();

    expect(end.failure).toBe('WrongInput');
    expect(end.because).toContain('does not say which slot');
    expect(unitsOf(fleet).containers('blue')).toHaveLength(3);
  });

  test('who deletes a standby that is not there is told so', async () => {
    const fleet = await upgraded();
    const end = await (await startUnit(world, fleet, { action: 'deleteStandby', release: null })).end();

    expect(end).toMatchObject({ state: 'succeeded', active: 'blue' });
    expect(end.steps[0]?.detail).toBe('there is no standby slot');
  });
});
