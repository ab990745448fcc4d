import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { MAX_WAVE_HOSTS } from '../../model/plan.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { expectSmallDetails, expectSmallPayloads, type Event } from './history-size.ts';
import type { Upgrade } from './upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const HOSTS = 250;
const LONG_MS = 120_000;

test(
  'a wave of 250 hosts goes through in parts that stay small in history',
  async () => {
    const fleet = world.fleet(HOSTS);
    const install = { strategy: 'waves', sizes: [{ hosts: HOSTS }], maxUnavailable: null } as const;

    const upgrade = await world.start(fleet, { install, maxParallelDownloads: 64 });
    const end = await upgrade.end();

    expect(end.state).toBe('succeeded');
    expect(fleet.versions()).toEqual(Array.from({ length: HOSTS }, () => '2.0.0'));
    expect(fleet.mostAtWork).toBeLessThanOrEqual(MAX_WAVE_HOSTS);
    expect((await upgrade.progress()).hosts).toHaveLength(HOSTS);
    expect(end.hosts.length + (end.hostsLeftOut ?? 0)).toBe(HOSTS);
    await expectSmall(upgrade, fleet);
  },
  LONG_MS,
);

test(
  'a wave in which every host fails with a long story stays small in history',
  async () => {
    const fleet = world.fleet(HOSTS);
    const story = 'it went wrong, and what dpkg had to say of it fills a page; '.repeat(6);
    for (const host of fleet.hosts.values()) host.failNext({ state: 'unhealthy', error: story });
    const [gatekeeper] = fleet.hosts.values();
    const install = { strategy: 'waves', sizes: [{ hosts: HOSTS }], maxUnavailable: null } as const;

    const upgrade = await world.start(fleet, { install, onFailure: 'skip', maxFailures: { percent: 100 } });
    const end = await upgrade.end();

    expect(gatekeeper?.orders).toBe(1);
    expect(end.state).toBe('succeeded');
    expect(end.hosts.every(({ state }) => state === 'skipped')).toBe(true);
    await expectSmall(upgrade, fleet);
  },
  LONG_MS,
);

test(
  'a chain of 250 hosts needs no more history than a short one',
  async () => {
    const fleet = world.fleet(HOSTS);

    const upgrade = await world.start(fleet, { install: { strategy: 'daisy-chain' }, maxParallelDownloads: 64 });
    const end = await upgrade.end();

    expect(end.state).toBe('succeeded');
    await expectSmall(upgrade, fleet);
  },
  LONG_MS,
);

async function expectSmall(upgrade: Upgrade, fleet: FakeFleet): Promise<void> {
  await expectSmallDetails(upgrade.handle);
  expectSmallPayloads((await histories(world.client, upgrade, fleet)).flat());
}

/** Of the upgrade and all its children. */
async function histories(
  client: Client,
  upgrade: Upgrade,
  { name }: FakeFleet,
): Promise<readonly (readonly Event[])[]> {
  const { events } = await upgrade.handle.fetchHistory();
  const children = (events ?? []).flatMap(
    (event) => event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId ?? [],
  );
  expect(children.every((id) => id.startsWith(`fleet/${name}/`))).toBe(true);
  const fetched = await Promise.all(children.map(async (id) => client.workflow.getHandle(id).fetchHistory()));
  return [events ?? [], ...fetched.map((history) => history.events ?? [])];
}
