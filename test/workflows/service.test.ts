import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../eventually.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { OLD_IMAGE } from '../fakes/fake-members.ts';
import { addSix, events, inPairs, memberStates, NEW_IMAGE, startService } from './service-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const sixMembers = (): FakeFleet => addSix(world.fleet(3));

describe('in phases', () => {
  test('members go through drain, replacement and ready, and the others serve meanwhile', async () => {
    const fleet = sixMembers();

    const end = await (await startService(world, fleet, { policy: { ...inPairs, minAvailable: { hosts: 4 } } })).end();

    expect(end).toMatchObject({ state: 'succeeded', phase: '3/3', error: null, failure: null });
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([NEW_IMAGE]));
    expect(fleet.members.leastAvailable).toBe(4);
    expect(events(fleet, /web-1 on host-1/)).toEqual([
      'drain web-1 on host-1',
      'stop old web-1 on host-1',
      'start new web-1 on host-1',
      'ready web-1 on host-1',
      'discard web-1 on host-1',
    ]);
    expect(end.members[0]).toEqual({
      ...{
        host: 'host-1',
        container: 'web-1',
        state: 'Active',
        stage: null,
        from: OLD_IMAGE,
        to: NEW_IMAGE,
        awayMs: 1,
      },
    });
  });

  test('the image is on every host before the first member is touched', async () => {
    const fleet = sixMembers();

    await (await startService(world, fleet, { policy: inPairs })).end();

    const first = fleet.log.findIndex((event) => event.startsWith('drain'));
    expect(events(fleet, /^pull/)).toHaveLength(3);
    expect(fleet.log.slice(0, first).filter((event) => event.startsWith('pull'))).toHaveLength(3);
  });

  test('members at work are Updating, in the query and on the bus, while that lasts', async () => {
    const fleet = sixMembers();
    fleet.members.held.add('host-1');
    const upgrade = await startService(world, fleet, { policy: inPairs });

    const during = await upgrade.until(
      ({ waiting }) => waiting.length === 2 && waiting.every(({ movedOnBy }) => movedOnBy.includes('engine')),
    );
    const both = new Map(['host-1/web-1', 'host-1/web-2'].map((name) => [name, 'Updating']));
    await eventually(() => expect(fleet.members.told).toEqual(both));
    fleet.members.held.clear();
    fleet.changed('let go');
    await upgrade.end();

    expect(memberStates(during)).toMatchObject({ 'host-1/web-1': 'Updating', 'host-2/web-1': 'Active' });
    expect(during.waiting.map(({ host }) => host)).toEqual(['host-1', 'host-1']);
    expect(fleet.members.told).toEqual(new Map());
  });

  test('a bad image stops after the first phase, and the members already done go back', async () => {
    const fleet = sixMembers();
    fleet.members.member('host-2', 'web-2').failNext('unhealthy');

    const end = await (await startService(world, fleet, { policy: inPairs })).end();

    expect(end.state).toBe('rolledBack');
    expect(end.error).toContain('host-2/web-2 failed: unhealthy on purpose');
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([OLD_IMAGE]));
    expect(memberStates(end)).toEqual({
      ...{ 'host-1/web-1': 'RolledBack', 'host-1/web-2': 'RolledBack' },
      ...{ 'host-2/web-1': 'RolledBack', 'host-2/web-2': 'Failed', 'host-3/web-1': 'Active', 'host-3/web-2': 'Active' },
    });
    expect(fleet.members.member('host-3').replaced).toBe(0);
    expect(fleet.members.all.map(({ serverState }) => serverState)).toEqual(Array.from({ length: 6 }, () => 'ready'));
    expect(fleet.members.leastAvailable).toBe(4);
    expect(fleet.members.images.size, 'images that nothing came of').toBe(0);
    const back = events(fleet, /^start old/);
    expect(back.slice(0, 2)).toEqual(['start old web-2 on host-2', 'start old web-1 on host-2']);
    // The two of a phase go back side by side.
    expect(back.slice(2).sort()).toEqual(['start old web-1 on host-1', 'start old web-2 on host-1']);
  });

  test("a member that the load balancer does not find healthy goes back, and someone's own drain stays", async () => {
    const fleet = sixMembers();
    fleet.members.member('host-3', 'web-2').serverState = 'drain';
    fleet.members.member('host-1').sickImages.add(NEW_IMAGE);

    const end = await (await startService(world, fleet, { policy: { ...inPairs, onFailure: 'rollback' } })).end();

    expect(end.error).toContain('host-1/web-1 failed: edge did not find it healthy');
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([OLD_IMAGE]));
    expect(fleet.members.member('host-1').serverState).toBe('ready');
    expect(fleet.members.member('host-3', 'web-2').serverState).toBe('drain');
    expect(events(fleet, /^(drain|ready) web-2 on host-3/)).toEqual([]);
  });

  test('a failure within the budget is left, and the others go on', async () => {
    const fleet = sixMembers();
    fleet.members.member('host-1').failNext('unhealthy');
    const policy = { ...inPairs, onFailure: 'skip', maxFailures: { hosts: 1 } } as const;

    const end = await (await startService(world, fleet, { policy })).end();

    expect(end.state).toBe('succeeded');
    expect(memberStates(end)).toMatchObject({ 'host-1/web-1': 'Failed', 'host-3/web-2': 'Active' });
    expect(fleet.members.told).toEqual(new Map([['host-1/web-1', 'Failed']]));
    expect(fleet.members.imagesInPlace().filter((image) => image === NEW_IMAGE)).toHaveLength(5);
  });

  test('a member that is stuck takes no requests, and comes back with the rest', async () => {
    const fleet = sixMembers();
    fleet.members.member('host-2').failNext('stuck');
    const upgrade = await startService(world, fleet, { policy: { ...inPairs, onFailure: 'pause' } });

    const waiting = await upgrade.until(({ state }) => state === 'waiting');
    const serverState = fleet.members.member('host-2').serverState;
    await upgrade.command('rollback');
    const end = await upgrade.end();

    expect(waiting.waiting[0]).toMatchObject({
      what: expect.stringContaining('host-2/web-1 failed: stuck on purpose') as string,
      movedOnBy: 'refit service resume web | refit service rollback web | refit service abort web',
    });
    expect(serverState).toBe('drain');
    expect(end.state).toBe('rolledBack');
    expect(fleet.members.available()).toBe(6);
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([OLD_IMAGE]));
  });

  test('a way back that fails asks, and is tried again', async () => {
    const fleet = sixMembers();
    fleet.members.member('host-2').failNext('unhealthy');
    fleet.members.member('host-1').failBack('engine is odd');
    const upgrade = await startService(world, fleet, { policy: inPairs });

    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(end.state).toBe('rolledBack');
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([OLD_IMAGE]));
  });

  test('too few others available are waited for, then asked about', async () => {
    const fleet = sixMembers();
    fleet.members.member('host-3').sickImages.add(OLD_IMAGE);
    const sick = fleet.members.member('host-3', 'web-2');
    const policy = { ...inPairs, minAvailable: { hosts: 4 } };
    fleet.onActivity = (name) => {
      if (name === 'pullImage') sick.sickImages.add(OLD_IMAGE);
    };
    const upgrade = await startService(world, fleet, { policy });

    const waiting = await upgrade.until(({ state }) => state === 'waiting');
    const mended = fleet.members.available();
    sick.sickImages.clear();
    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(waiting.waiting[0]?.what).toContain('4 members of web to be available');
    expect(mended).toBe(5);
    expect(end.state).toBe('succeeded');
  });
});

describe('all at once', () => {
  const atOnce = { strategy: { strategy: 'allAtOnce' } } as const;

  test('no old member runs after the first new one starts', async () => {
    const fleet = sixMembers();

    const end = await (await startService(world, fleet, { policy: atOnce })).end();

    expect(end.state).toBe('succeeded');
    expect(fleet.members.isMixed).toBe(false);
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([NEW_IMAGE]));
    expect(fleet.log.findLastIndex((event) => event.startsWith('stop old'))).toBeLessThan(
      fleet.log.findIndex((event) => event.startsWith('start new')),
    );
    expect(events(fleet, /^discard/)).toHaveLength(6);
  });

  test.each(['unhealthy', 'stuck', 'refused'] as const)(
    'a member that is %s takes all back, and no new one runs when the first old one starts',
    async (failure) => {
      const fleet = sixMembers();
      fleet.members.member('host-2').failNext(failure);

      const end = await (await startService(world, fleet, { policy: { ...atOnce, onFailure: 'pause' } })).end();

      expect(end.state).toBe('rolledBack');
      expect(end.error).toContain('host-2/web-1 failed');
      expect(fleet.members.isMixed).toBe(false);
      expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([OLD_IMAGE]));
      expect(fleet.members.available()).toBe(6);
    },
  );

  test('is refused for agents, who work each by itself', async () => {
    const fleet = sixMembers();

    const end = await (await startService(world, fleet, { policy: { ...atOnce, mode: 'agent' } })).end();

    expect(end).toMatchObject({
      state: 'failed',
      failure: 'WrongInput',
      error: expect.stringContaining('agents') as string,
    });
    expect(fleet.log).toEqual([]);
  });
});
