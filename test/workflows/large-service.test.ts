import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { MAX_MEMBERS, MAX_ORDERED, type ServicePolicy } from '../../model/service.ts';
import { worstHistory } from '../../model/service-history.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { OLD_IMAGE } from '../fakes/fake-members.ts';
import { isNightly } from '../nightly.ts';
import { expectSmallDetails, expectSmallPayloads } from './history-size.ts';
import { makeInput, NEW_IMAGE, startService, type ServiceChanges, type ServiceUpgrade } from './service-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const HOSTS = 100;
const EACH = 2;
const MEMBERS = HOSTS * EACH;
const LONG_MS = 180_000;
const inTens: Partial<ServicePolicy> = {
  strategy: { strategy: 'phases', size: { hosts: 10 } },
  minAvailable: { percent: 90 },
};

/** Two members on each of a hundred hosts. */
function manyMembers(each = EACH): FakeFleet {
  const fleet = world.fleet(HOSTS);
  fleet.members.add([...fleet.hosts.keys()], { each });
  return fleet;
}

test(
  '200 members over 100 hosts go through in phases, and their history stays as small as was reckoned',
  async () => {
    const fleet = manyMembers();

    const upgrade = await startService(world, fleet, { policy: inTens });
    const end = await upgrade.end();

    expect(end).toMatchObject({ state: 'succeeded', phase: '20/20', failure: null });
    expect(fleet.members.imagesInPlace()).toEqual(Array.from({ length: MEMBERS }, () => NEW_IMAGE));
    expect(fleet.members.leastAvailable).toBe(MEMBERS - 10);
    expect((await upgrade.progress()).members).toHaveLength(MEMBERS);
    expect(end.members.length + (end.membersLeftOut?.Active ?? 0)).toBe(MEMBERS);
    await expectAsReckoned(upgrade, fleet, { policy: inTens });
  },
  LONG_MS,
);

test.skipIf(!isNightly)(
  'a failure in the last phase takes all 200 back, and the record has it first',
  async () => {
    const fleet = manyMembers();
    fleet.members.member('host-100', 'web-2').failNext('unhealthy');

    const upgrade = await startService(world, fleet, { policy: inTens });
    const end = await upgrade.end();

    expect(end.state).toBe('rolledBack');
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([OLD_IMAGE]));
    expect(end.members.filter(({ state }) => state === 'Failed')).toMatchObject([{ host: 'host-100' }]);
    expect(end.members.length + (end.membersLeftOut?.RolledBack ?? 0)).toBe(MEMBERS);
    await expectAsReckoned(upgrade, fleet, { policy: inTens });
  },
  LONG_MS,
);

test.skipIf(!isNightly)(
  'all 200 at once are stopped before the first new one starts, though not all are asked in the same moment',
  async () => {
    const fleet = manyMembers();
    const policy = { strategy: { strategy: 'allAtOnce' } } as const;

    const upgrade = await startService(world, fleet, { policy });
    const end = await upgrade.end();

    expect(end.state).toBe('succeeded');
    expect(fleet.members.isMixed).toBe(false);
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([NEW_IMAGE]));
    await expectAsReckoned(upgrade, fleet, { policy });
  },
  LONG_MS,
);

test('the agent of a host with many members gets one order after another, each short', async () => {
  const fleet = world.fleet(1);
  fleet.members.add(['host-1'], { each: 60 });
  const release = { release: { ...fleet.release, version: NEW_IMAGE }, fence: null };
  const policy = { strategy: { strategy: 'phases', size: { percent: 100 } }, mode: 'agent' } as const;

  const upgrade = await startService(world, fleet, { release, policy });
  const end = await upgrade.end();

  expect(end.state).toBe('succeeded');
  expect(fleet.orders.map(({ containers, sequence }) => [sequence, containers.length])).toEqual([
    [1, MAX_ORDERED],
    [2, 60 - MAX_ORDERED],
  ]);
  expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([NEW_IMAGE]));
});

test('more members than a service may have are refused, and counted', async () => {
  const fleet = manyMembers(MAX_MEMBERS / HOSTS);
  fleet.members.add(['host-1'], { service: 'web-more' });

  const end = await (await startService(world, fleet, { policy: inTens })).end();

  expect(end).toMatchObject({ state: 'failed', failure: 'WrongInput' });
  expect(end.error).toContain(`service web has ${MAX_MEMBERS + 1} members, ${MAX_MEMBERS} at most`);
  expect(fleet.log).toEqual([]);
});

test('a thousand members one at a time are refused before anything is done: the history would not hold them', async () => {
  const fleet = manyMembers(MAX_MEMBERS / HOSTS);

  const end = await (await startService(world, fleet, { policy: { strategy: { strategy: 'inPlace' } } })).end();

  expect(end).toMatchObject({ state: 'failed', failure: 'WrongInput' });
  expect(end.error).toMatch(/1000 members in 1000 phases may need \d+ events.*--phases/);
  expect(fleet.log).toEqual([]);
});

async function expectAsReckoned(upgrade: ServiceUpgrade, fleet: FakeFleet, changes: ServiceChanges): Promise<void> {
  const [{ events }, described] = await Promise.all([upgrade.handle.fetchHistory(), upgrade.handle.describe()]);
  const phases = Number((await upgrade.progress()).phase?.split('/')[1]);
  const worst = worstHistory({ members: MEMBERS, hosts: HOSTS, phases }, makeInput(fleet, changes));
  expect(described.historyLength, 'events').toBeLessThanOrEqual(worst.events);
  expect(described.historySize, 'bytes').toBeLessThanOrEqual(worst.bytes);
  expectSmallPayloads(events ?? []);
  await expectSmallDetails(upgrade.handle);
}
