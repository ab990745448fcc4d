import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { service } from '../fakes/release.ts';
import { statesOf, type Upgrade } from './upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

/** Hosts on 1.0.0, unless said otherwise, and the way 1.0.0 → 1.4.0 → 1.8.0 → 2.0.0. */
function onTheWay(hosts: number | readonly string[] = 3): FakeFleet {
  const fleet = world.fleet(hosts);
  fleet.path = ['1.4.0', '1.8.0'];
  return fleet;
}

const changes = (fleet: FakeFleet): readonly string[] =>
  fleet.log.filter((event) => /^(begin|up|down|backup) /.test(event));

const everyHost = (action: string): readonly string[] => [1, 2, 3].map((host) => `begin ${action} host-${host}`);

const imageOf = (digit: string): string => `registry.lab:5000/web@sha256:${digit.repeat(64)}`;

async function approved(upgrade: Upgrade, migration: string): Promise<void> {
  await upgrade.until(({ waiting }) => waiting.some(({ what }) => what.includes(`approval of migration ${migration}`)));
  await upgrade.command('approve', { step: migration, by: 'ada' });
}

test('a path of three hops is one upgrade: each hop is whole before the next one begins', async () => {
  const fleet = onTheWay();

  const end = await (await world.start(fleet)).end();

  expect(end.state).toBe('succeeded');
  expect(end.hops).toEqual([
    { to: '1.4.0', state: 'done' },
    { to: '1.8.0', state: 'done' },
    { to: '2.0.0', state: 'done' },
  ]);
  expect(changes(fleet)).toEqual([...everyHost('install'), ...everyHost('install'), ...everyHost('install')]);
  expect(fleet.versions()).toEqual(['2.0.0', '2.0.0', '2.0.0']);
  expect(end.hosts.map(({ from, to }) => `${from ?? ''} ${to ?? ''}`)).toEqual(Array(3).fill('1.0.0 2.0.0'));
});

test('hosts at different versions take their own way and end together', async () => {
  const fleet = onTheWay(['1.0.0', '1.8.0', '1.4.0', '2.0.0']);

  const end = await (await world.start(fleet)).end();

  expect(end.state).toBe('succeeded');
  const order = ['host-1', 'host-1', 'host-3', 'host-1', 'host-2', 'host-3'];
  expect(fleet.begun('install')).toEqual(order);
  expect(statesOf(end)).toEqual({ 'host-1': 'done', 'host-2': 'done', 'host-3': 'done', 'host-4': 'alreadyThere' });
  expect(Object.fromEntries(end.hosts.map(({ name, from }) => [name, from]))).toEqual({
    ...{ 'host-1': '1.0.0', 'host-2': '1.8.0', 'host-3': '1.4.0', 'host-4': '2.0.0' },
  });
});

test('what the services kept at each hop goes at the end', async () => {
  const fleet = onTheWay();
  const { name } = service('web');
  const added = fleet.members.add(['host-1', 'host-2'], { service: name, serverState: null });
  fleet.servicesOnTheWay.set('1.4.0', [service('web', imageOf('4'))]).set('1.8.0', [service('web', imageOf('8'))]);

  const end = await (await world.start(fleet)).end();

  expect(end.state).toBe('succeeded');
  expect(added.map(({ replaced, kept, current: { image } }) => ({ replaced, kept, image }))).toEqual(
    added.map(() => ({ replaced: 2, kept: [], image: imageOf('8') })),
  );
});

test('a host that was left behind in one hop does not take the next one', async () => {
  const fleet = onTheWay();
  fleet.host('host-2').failNext({ state: 'reverted' });

  const upgrade = await world.start(fleet);
  await upgrade.until(({ state }) => state === 'waiting');
  await upgrade.onHost('skipHost', 'host-2');
  const end = await upgrade.end();

  expect(end.state).toBe('succeeded');
  expect(fleet.versions()).toEqual(['2.0.0', '1.0.0', '2.0.0']);
  expect(end.hosts[1]).toMatchObject({ state: 'skipped', error: 'left behind in the hop to 1.4.0' });
});

test('with --step each hop after the first waits for its approval', async () => {
  const fleet = onTheWay(1);

  const upgrade = await world.start(fleet, { step: true });
  for (const what of ['approval of serial-1', 'approval of the hop to 1.8.0', 'approval of serial-1']) {
    await upgrade.until(({ waiting }) => waiting.some((wait) => wait.what.includes(what)));
    await upgrade.command('approve', { step: what.replace(/.* /, ''), by: 'ada' });
  }
  await upgrade.until(({ waiting }) => waiting.some(({ what }) => what.includes('approval of the hop to 2.0.0')));
  const refused = await upgrade.command('approve', { step: '1.4.0' });

  expect(refused).toMatch(/1.4.0 is no step that waits/);
  await upgrade.command('abort');
  expect((await upgrade.end()).hops.map(({ state }) => state)).toEqual(['done', 'done', 'pending']);
});

describe('migrations', () => {
  test('run around the services of their hop, after one backup, and none that is applied already', async () => {
    const fleet = onTheWay();
    fleet.services = [service('web')];
    fleet.members.add(['host-1'], { service: fleet.services[0]?.name ?? '', serverState: null });
    fleet.migrations.declare('1.4.0', { name: 'add' }, { name: 'drop', when: 'contract' });
    fleet.migrations.declare('2.0.0', { name: 'there' });
    fleet.migrations.applied.push('2.0.0 there');

    const end = await (await world.start(fleet)).end();

    expect(end.state).toBe('succeeded');
    const told = fleet.log
      .filter((event) => /^(up|backup|replace)/.test(event))
      .map((event) => event.split(' ').slice(0, 3).join(' '));
    expect(told.slice(0, 2)).toEqual(['backup 1.4.0', 'up 1.4.0 add']);
    expect(fleet.migrations.backups).toEqual(['1.4.0']);
    expect(end.migrations.map(({ name, hop, state }) => `${hop} ${name} ${state}`)).toEqual([
      '1.4.0 backup applied',
      '1.4.0 add applied',
      '1.4.0 drop applied',
      '2.0.0 there alreadyApplied',
    ]);
    expect(fleet.migrations.kept.size).toBe(0);
  });

  test('that were cut off are tried again by themselves, and what fails is put to the operator', async () => {
    const fleet = onTheWay();
    fleet.migrations.declare('1.4.0', { name: 'add' });
    fleet.migrations.failNext('add', 'up', 'broken');
    fleet.migrations.failNext('add', 'up', 'failed');

    const upgrade = await world.start(fleet);
    const asked = await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('resume', { by: 'ada' });
    const end = await upgrade.end();

    expect(asked.waiting[0]?.what).toContain('add on host-1 ended with exit code 1: add up went wrong on purpose');
    expect(asked.migrations).toContainEqual(expect.objectContaining({ name: 'add', state: 'failed' }));
    expect(end.state).toBe('succeeded');
    expect(fleet.log.filter((event) => event.startsWith('up '))).toEqual(['up 1.4.0 add']);
  });

  test('without room for a backup do not begin', async () => {
    const fleet = onTheWay();
    fleet.migrations.declare('1.4.0', { name: 'add' });
    fleet.migrations.failNext('backup', 'up');

    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');
    const applied = [...fleet.migrations.applied];
    await upgrade.command('resume', { by: 'ada' });

    expect(applied).toEqual([]);
    expect((await upgrade.end()).state).toBe('succeeded');
    expect(fleet.migrations.backups).toEqual(['1.4.0']);
  });
});

describe('the way back', () => {
  test('goes hop by hop to the start, what came last first', async () => {
    const fleet = onTheWay();
    for (const version of ['1.4.0', '1.8.0']) {
      fleet.migrations.declare(version, { name: 'add' }, { name: 'drop', when: 'contract' });
    }
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.migrations.applied.length === 4);
    fleet.host('host-2').failNext({ state: 'reverted' });
    const asked = await upgrade.until(({ state }) => state === 'waiting');
    fleet.log.length = 0;

    await upgrade.command('rollback', { by: 'ada' });
    const end = await upgrade.end();

    expect(asked.checkpoints).toEqual(['start', '1.4.0', '1.8.0']);
    expect(end.state).toBe('rolledBack');
    expect(fleet.versions()).toEqual(['1.0.0', '1.0.0', '1.0.0']);
    expect(fleet.migrations.applied).toEqual([]);
    const hosts = [...everyHost('revert')].reverse();
    const hop = (version: string): readonly string[] => [`down ${version} drop`, `down ${version} add`, ...hosts];
    expect(changes(fleet)).toEqual(['begin revert host-1', ...hop('1.8.0'), ...hop('1.4.0')]);
    expect(end.hops.map(({ state }) => state)).toEqual(['rolledBack', 'rolledBack', 'rolledBack']);
  });

  test('stops at the checkpoint that was asked for', async () => {
    const fleet = onTheWay();
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.begun('install').length === 6);
    fleet.host('host-1').failNext({ state: 'reverted' });
    await upgrade.until(({ state }) => state === 'waiting');

    const unknown = await upgrade.command('rollback', { to: '7.0.0' });
    expect(unknown).toMatch(/7.0.0 is no checkpoint .*it can go back to: start, 1.4.0, 1.8.0/);
    const answer = await upgrade.command('rollback', { to: '1.4.0', by: 'ada' });

    expect(answer).toContain('what came after 1.4.0');
    expect((await upgrade.end()).hops.map(({ state }) => state)).toEqual(['done', 'rolledBack', 'rolledBack']);
    expect(fleet.versions()).toEqual(['1.4.0', '1.4.0', '1.4.0']);
  });

  test('ends at a point of no return, and further is refused', async () => {
    const fleet = onTheWay();
    fleet.migrations.declare('1.8.0', { name: 'cut', hasDown: false, isPointOfNoReturn: true });
    const upgrade = await world.start(fleet);
    await approved(upgrade, 'cut');
    await fleet.until(() => fleet.migrations.applied.length === 1);
    fleet.host('host-1').failNext({ state: 'reverted' });
    await upgrade.until(({ state }) => state === 'waiting');

    const refused = await upgrade.command('rollback', { to: 'start' });
    expect(refused).toMatch(/forward only before 1.8.0: migration cut has no way back/);
    await upgrade.command('rollback', { by: 'ada' });
    const end = await upgrade.end();

    expect(end).toMatchObject({ state: 'rolledBack', checkpoints: [] });
    expect(end.forwardOnly).toContain('migration cut has no way back');
    expect(fleet.versions()).toEqual(['1.8.0', '1.8.0', '1.8.0']);
    expect(fleet.migrations.applied).toEqual(['1.8.0 cut']);
  });

  test('is refused in a hop that has passed its point of no return, also to the policy', async () => {
    const fleet = onTheWay();
    fleet.migrations.declare('1.4.0', { name: 'cut', hasDown: false, isPointOfNoReturn: true }, { name: 'later' });
    fleet.migrations.failNext('later', 'up');
    const upgrade = await world.start(fleet, { onFailure: 'rollback', pointsOfNoReturn: 'pass' });

    const asked = await upgrade.until(({ state }) => state === 'waiting');
    const refused = await upgrade.command('rollback', {});

    expect(refused).toMatch(/forward only before 1.4.0/);
    expect(asked.waiting[0]?.movedOnBy).not.toContain('rollback');
    await upgrade.command('resume', { by: 'ada' });
    expect((await upgrade.end()).state).toBe('succeeded');
  });

  test('is taken by the policy as long as there is one', async () => {
    const fleet = onTheWay();
    fleet.migrations.declare('1.8.0', { name: 'add' });
    fleet.migrations.failNext('add', 'up');

    const end = await (await world.start(fleet, { onFailure: 'rollback' })).end();

    expect(end.state).toBe('rolledBack');
    expect(fleet.versions()).toEqual(['1.0.0', '1.0.0', '1.0.0']);
  });

  test('leaves a host alone that did not come back from a later hop', async () => {
    const fleet = onTheWay();
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.begun('install').length === 6);
    fleet.host('host-1').failNext({ state: 'reverted' });
    await upgrade.until(({ state }) => state === 'waiting');
    fleet.host('host-2').failNext({ state: 'stuck' });
    await upgrade.command('rollback', { by: 'ada' });
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.onHost('skipHost', 'host-2');

    expect((await upgrade.end()).state).toBe('rolledBack');
    expect(fleet.versions()).toEqual(['1.0.0', '1.8.0', '1.0.0']);
  });

  test('of services over several hops ends with the containers that were there before', async () => {
    const fleet = onTheWay();
    const { name } = service('web');
    const added = fleet.members.add(['host-1', 'host-2'], { service: name, serverState: null });
    const before = added.map(({ current }) => current.id);
    fleet.servicesOnTheWay.set('1.4.0', [service('web', imageOf('4'))]).set('1.8.0', [service('web', imageOf('8'))]);
    const upgrade = await world.start(fleet);
    await upgrade.until(({ hops }) => hops[2]?.state === 'running');
    fleet.host('host-1').failNext({ state: 'reverted' });
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('rollback', { by: 'ada' });

    expect((await upgrade.end()).state).toBe('rolledBack');
    expect(added.map(({ current }) => current.id)).toEqual(before);
    expect(added.map(({ kept }) => kept)).toEqual([[], []]);
  });
});
