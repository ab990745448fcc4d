import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openWorld, type World } from './world.ts';
import { statesOf } from './upgrade.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

test('serial goes through the fleet in the order of the fleet file, one host at a time', async () => {
  const fleet = world.fleet(4);

  const end = await (await world.start(fleet)).end();

  expect(end).toMatchObject({ state: 'succeeded', phase: 'end', error: null, release: 'sample 2.0.0' });
  expect(fleet.begun('install')).toEqual(['host-1', 'host-2', 'host-3', 'host-4']);
  expect(fleet.mostAtWork).toBe(1);
  expect(end.hosts.map(({ state, from, to }) => ({ state, from, to }))).toEqual(
    Array.from({ length: 4 }, () => ({ state: 'done', from: '1.0.0', to: '2.0.0' })),
  );
});
