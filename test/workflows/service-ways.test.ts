import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parseHostId, parseUpgradeId } from '../../model/ids.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { OLD_IMAGE } from '../fakes/fake-members.ts';
import { addSix, events, inPairs, NEW_IMAGE, webHosts, startService } from './service-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const sixMembers = (): FakeFleet => addSix(world.fleet(3));

describe('before anything is touched', () => {
  test('a second upgrade of the service is refused', async () => {
    const fleet = sixMembers();
    fleet.members.held.add('host-1');
    const upgrade = await startService(world, fleet);

    await expect(startService(world, fleet)).rejects.toThrow(WorkflowExecutionAlreadyStartedError);

    fleet.members.held.clear();
    fleet.changed('let go');
    await upgrade.end();
  });

  test('a service without members is wrong input, which names what was looked for', async () => {
    const end = await (await startService(world, world.fleet(2))).end();

    expect(end).toMatchObject({ state: 'failed', failure: 'WrongInput' });
    expect(end.error).toContain('dev.refit.service=web');
  });

  test('what speaks against it is told all at once', async () => {
    const fleet = sixMembers();
    const finding = { severity: 'error', what: 'its engine does not answer', remedy: 'start it' } as const;
    fleet.members.findings = [
      { ...finding, host: parseHostId('host-2') },
      { ...finding, host: parseHostId('host-3') },
      { ...finding, severity: 'warning', host: parseHostId('host-1') },
    ];

    const end = await (await startService(world, fleet)).end();

    expect(end.failure).toBe('WrongInput');
    expect(end.error?.split('\n').slice(1)).toEqual([
      'host-2: its engine does not answer; start it',
      'host-3: its engine does not answer; start it',
    ]);
    expect(fleet.log).toEqual([]);
  });

  test('more members to stay available than can be spared is wrong input', async () => {
    const fleet = sixMembers();

    const end = await (await startService(world, fleet, { policy: { minAvailable: { percent: 100 } } })).end();

    expect(end.failure).toBe('WrongInput');
    expect(end.error).toContain('6 of 6 members have to stay available');
  });

  test('an image that a host cannot run is wrong input, and what was pulled goes', async () => {
    const fleet = sixMembers();
    fleet.members.failPull('host-3', 'input', 'image is for arm64, host-3 runs amd64');

    const end = await (await startService(world, fleet)).end();

    expect(end.failure).toBe('WrongInput');
    expect(end.error).toContain('arm64');
    expect(fleet.members.images.size).toBe(0);
    expect(events(fleet, /drain|stop/)).toEqual([]);
  });

  test('a registry that is away is waited for, then asked about', async () => {
    const fleet = sixMembers();
    for (let count = 0; count < 4; count++) fleet.members.failPull('host-2', 'environment', 'registry is away');
    const upgrade = await startService(world, fleet);

    const waiting = await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(waiting.waiting[0]).toMatchObject({ what: 'the operator: registry is away', host: 'host-2' });
    expect(end.state).toBe('succeeded');
  });
});

describe('ways', () => {
  test('mode create keeps nothing, and goes back by the earlier image', async () => {
    const fleet = sixMembers();
    fleet.members.member('host-3').failNext('unhealthy');

    const end = await (await startService(world, fleet, { policy: { ...inPairs, mode: 'create' } })).end();

    expect(end.state).toBe('rolledBack');
    expect(fleet.members.imagesInPlace().map((image) => image.replace('id:', ''))).toEqual(
      Array.from({ length: 6 }, () => OLD_IMAGE),
    );
    expect(fleet.members.all.flatMap(({ kept }) => kept)).toEqual([]);
  });

  test('mode agent orders each host of a phase once, under an epoch of its own', async () => {
    const fleet = sixMembers();
    const release = { release: { ...fleet.release, version: NEW_IMAGE }, fence: null };

    const end = await (await startService(world, fleet, { release, policy: { ...inPairs, mode: 'agent' } })).end();

    expect(end.state).toBe('succeeded');
    expect(
      fleet.orders.map(({ host, containers, epoch, sequence }) => ({ host, containers, epoch, sequence })),
    ).toEqual(webHosts.map((host, index) => ({ host, containers: ['web-1', 'web-2'], epoch: 1, sequence: index + 1 })));
    expect(fleet.members.leastAvailable).toBe(4);
  });

  test('mode agent goes back by orders, in the numbers that a release reserved', async () => {
    const fleet = sixMembers();
    const release = { release: { ...fleet.release, version: NEW_IMAGE }, fence: { epoch: 5, sequence: 100 } };
    fleet.members.member('host-2').failNext('unhealthy');

    const end = await (await startService(world, fleet, { release, policy: { ...inPairs, mode: 'agent' } })).end();

    expect(end.state).toBe('rolledBack');
    expect(fleet.orders.map(({ host, action, sequence }) => `${action} ${host} ${sequence}`)).toEqual([
      'service host-1 100',
      'service host-2 101',
      'revert host-1 102',
    ]);
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([OLD_IMAGE]));
  });

  test('members without a load balancer go one by one', async () => {
    const fleet = world.fleet(3);
    fleet.members.add(webHosts, { serverState: null });

    const end = await (await startService(world, fleet)).end();

    expect(end).toMatchObject({ state: 'succeeded', phase: '3/3' });
    expect(fleet.members.leastAvailable).toBe(2);
    expect(events(fleet, /drain|ready/)).toEqual([]);
  });

  test('a stopped member stays stopped, and nobody waits for its requests', async () => {
    const fleet = world.fleet(3);
    fleet.members.add(['host-1', 'host-2']);
    fleet.members.add(['host-3'], { running: false });

    const end = await (await startService(world, fleet)).end();

    expect(end.state).toBe('succeeded');
    expect(fleet.members.member('host-3')).toMatchObject({ running: false, current: { image: NEW_IMAGE } });
    expect(events(fleet, /(drain|ready) web-1 on host-3/)).toEqual([]);
  });
});

describe('after the end', () => {
  const release = (fleet: FakeFleet): NonNullable<Parameters<typeof startService>[2]> => ({
    release: { release: fleet.release, fence: { epoch: 1, sequence: 1 } },
  });

  test('old containers stay until the release is over, and then go back where the upgrade is taken back', async () => {
    const fleet = sixMembers();
    await (await startService(world, fleet, { ...release(fleet), policy: inPairs })).end();
    const kept = fleet.members.all.map((member) => member.kept.length);

    const back = await startService(world, fleet, {
      ...{ ...release(fleet), action: 'putBack', takeBack: parseUpgradeId('web-7'), upgrade: parseUpgradeId('web-8') },
      policy: { ...inPairs, minAvailable: { hosts: 4 } },
    });
    const end = await back.end();

    expect(kept).toEqual([1, 1, 1, 1, 1, 1]);
    expect(end).toMatchObject({ state: 'rolledBack', error: null });
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([OLD_IMAGE]));
    expect(fleet.members.leastAvailable).toBe(4);
  });

  test('discardKept removes what that upgrade kept, and nothing else', async () => {
    const fleet = sixMembers();
    await (await startService(world, fleet, release(fleet))).end();

    const other = {
      action: 'discardKept',
      takeBack: parseUpgradeId('other-1'),
      upgrade: parseUpgradeId('web-8'),
    } as const;
    await (await startService(world, fleet, other)).end();
    const keptByOther = fleet.members.all.map((member) => member.kept.length);
    await (await startService(world, fleet, { ...other, takeBack: parseUpgradeId('web-7') })).end();

    expect(keptByOther).toEqual([1, 1, 1, 1, 1, 1]);
    expect(fleet.members.all.flatMap(({ kept }) => kept)).toEqual([]);
  });

  test('with keepOld the old containers stay that long, whatever becomes of the workflow', async () => {
    const fleet = sixMembers();

    const end = await (await startService(world, fleet, { policy: { keepOldMs: 500 } })).end();
    const kept = fleet.members.all.flatMap((member) => member.kept);
    await fleet.until(() => fleet.members.all.every((member) => member.kept.length === 0));

    expect(end.state).toBe('succeeded');
    expect(kept.length).toBeGreaterThan(0);
  });
});
