import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { statesOf } from './upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const chain = { install: { strategy: 'daisy-chain' } } as const;

test('a chain goes through in order, one host at a time', async () => {
  const fleet = world.fleet(4);

  const end = await (await world.start(fleet, chain)).end();

  expect(end.state).toBe('succeeded');
  expect(fleet.begun('install')).toEqual(['host-1', 'host-2', 'host-3', 'host-4']);
  expect(fleet.mostAtWork).toBe(1);
  expect(statesOf(end)).toEqual({ 'host-1': 'done', 'host-2': 'done', 'host-3': 'done', 'host-4': 'done' });
});

test('a chain is followed through while no worker runs', async () => {
  const fleet = world.fleet(4);
  fleet.host('host-1').hold();
  const upgrade = await world.start(fleet, chain);
  await fleet.until(() => fleet.begun('install').length === 1);

  await world.stopWorker();
  fleet.host('host-1').letGo();
  await fleet.until(() => fleet.begun('install').length === 4);
  await world.startWorker();
  const end = await upgrade.end();

  expect(end.state).toBe('succeeded');
  expect([...fleet.hosts.values()].map(({ orders }) => orders)).toEqual([1, 1, 1, 1]);
});

test('a host that fails keeps the baton; retry goes on from there', async () => {
  const fleet = world.fleet(4);
  fleet.host('host-2').failNext({ state: 'unhealthy', error: 'no answer' });
  const upgrade = await world.start(fleet, chain);
  const waiting = await upgrade.until(({ state }) => state === 'waiting');
  const begun = fleet.begun('install');

  await upgrade.onHost('retryHost', 'host-2');
  const end = await upgrade.end();

  expect(begun).toEqual(['host-1', 'host-2']);
  expect(statesOf(waiting)).toMatchObject({ 'host-1': 'done', 'host-2': 'unhealthy', 'host-3': 'staged' });
  expect(fleet.begun('install')).toEqual(['host-1', 'host-2', 'host-2', 'host-3', 'host-4']);
  expect(end.state).toBe('succeeded');
});

test.each(['host-2', 'host-4'])('skip of %s hands the baton on behind it', async (name) => {
  const fleet = world.fleet(4);
  fleet.host(name).failNext({ state: 'lost' });
  const upgrade = await world.start(fleet, chain);
  await upgrade.until(({ state }) => state === 'waiting');

  await upgrade.onHost('skipHost', name);
  const end = await upgrade.end();

  expect(end.state).toBe('succeeded');
  expect(statesOf(end)[name]).toBe('skipped');
  expect(fleet.begun('install')).toEqual(['host-1', 'host-2', 'host-3', 'host-4']);
});

test('a host that was skipped in the download has no place in the chain', async () => {
  const fleet = world.fleet(4);
  fleet.failDownload('host-2', 'release');
  const upgrade = await world.start(fleet, chain);
  await upgrade.until(({ state }) => state === 'waiting');

  await upgrade.onHost('skipHost', 'host-2');
  const end = await upgrade.end();

  expect(end.state).toBe('succeeded');
  expect(fleet.begun('install')).toEqual(['host-1', 'host-3', 'host-4']);
  expect(statesOf(end)).toEqual({ 'host-1': 'done', 'host-2': 'skipped', 'host-3': 'done', 'host-4': 'done' });
});

test('pause holds the chain where it is, resume lifts the hold', async () => {
  const fleet = world.fleet(4);
  fleet.host('host-2').hold();
  const upgrade = await world.start(fleet, chain);
  await fleet.until(() => fleet.begun('install').length === 2);

  await upgrade.command('pause');
  await fleet.until(() => fleet.log.includes('hold'));
  fleet.host('host-2').letGo();
  const paused = await upgrade.until(({ state }) => state === 'paused');
  const begun = fleet.begun('install');
  await upgrade.command('resume');
  const end = await upgrade.end();

  expect(begun).toEqual(['host-1', 'host-2']);
  expect(statesOf(paused)).toMatchObject({ 'host-2': 'done', 'host-3': 'staged' });
  expect(end.state).toBe('succeeded');
  expect([...fleet.hosts.values()].map(({ orders }) => orders)).toEqual([1, 1, 1, 1]);
});

test('roll back stands down the hosts that wait for the baton, and takes the others back', async () => {
  const fleet = world.fleet(4);
  fleet.host('host-2').hold();
  const upgrade = await world.start(fleet, chain);
  await fleet.until(() => fleet.begun('install').length === 2);

  await upgrade.command('rollback');
  await fleet.until(() => fleet.log.includes('hold'));
  fleet.host('host-2').letGo();
  const end = await upgrade.end();

  expect(end.state).toBe('rolledBack');
  expect(fleet.chain?.isStoodDown).toBe(true);
  expect(fleet.begun('revert')).toEqual(['host-2', 'host-1']);
  expect(fleet.begun('install')).toEqual(['host-1', 'host-2']);
  expect(fleet.log.indexOf('stand down')).toBeLessThan(fleet.log.indexOf('begin revert host-2'));
});

test('a failure under the policy rollback stands the rest down and takes the fleet back', async () => {
  const fleet = world.fleet(4);
  fleet.host('host-3').failNext({ state: 'reverted' });

  const end = await (await world.start(fleet, { ...chain, onFailure: 'rollback' })).end();

  expect(end.state).toBe('rolledBack');
  expect(fleet.chain?.isStoodDown).toBe(true);
  expect(fleet.versions()).toEqual(['1.0.0', '1.0.0', '1.0.0', '1.0.0']);
});

test('a chain that is cancelled in the Web UI does not go on by itself', async () => {
  const fleet = world.fleet(4);
  fleet.host('host-2').hold();
  const upgrade = await world.start(fleet, chain);
  await fleet.until(() => fleet.begun('install').length === 2);

  await upgrade.handle.cancel();
  const end = await upgrade.end();
  fleet.host('host-2').letGo();

  expect(end.state).toBe('aborted');
  expect(fleet.chain?.isStoodDown).toBe(true);
  expect(fleet.begun('install')).toEqual(['host-1', 'host-2']);
});
