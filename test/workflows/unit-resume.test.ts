import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { shop } from '../model/units.ts';
import { installed, startUnit } from './unit-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

test('a soak that is tried again judges the requests that come from then on', async () => {
  const fleet = await installed(world, world.fleet(2));
  const { balancer } = fleet.units ?? {};
  const soak = { durationMs: 1_500, maxErrorRate: 0.1, minRequests: 10, windowMs: 1_000, unhealthyMs: 5_000 };
  const upgrade = await startUnit(world, fleet, { policy: { onFailure: 'pause', soak } });
  await upgrade.until(({ step }) => step === 'soak');
  balancer?.answer({ unit: shop, slot: 'green' }, { requests: 100, errors: 50 });
  const asked = await upgrade.until(({ state }) => state === 'waiting');
  expect(asked.waiting[0]?.what).toContain('50 of 100 requests failed');

  await upgrade.command('resume');

  expect(await upgrade.end()).toMatchObject({ state: 'succeeded', active: 'green' });
});
