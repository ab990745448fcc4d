import { afterEach, expect, test } from 'vitest';
import { isNightly } from '../nightly.ts';
import { busHistory, busRevision, openOrders } from './platform/bus-history.ts';
import { refit, refitJson, showUpgrade, type Upgrade } from './platform/refit.ts';
import { everyStepOnce, hosts, publishNext, settleFleet } from './platform/upgrade.ts';

afterEach(settleFleet);

test.skipIf(!isNightly)(
  'serial: at no revision of etcd are two hosts ordered and unreported, and they go in the order of the plan',
  async () => {
    const { reference, version } = await publishNext();
    const since = (await busRevision()) + 1;

    const upgrade = await refitJson<Upgrade>(['upgrade', reference]);

    const { most, order } = openOrders(await busHistory(since));
    expect(most).toBe(1);
    expect(order).toEqual(hosts);
    expect(upgrade).toMatchObject({
      state: 'succeeded',
      hosts: hosts.map((name) => ({ name, state: 'done', to: version })),
    });
    await everyStepOnce(version);
  },
);

test.skipIf(!isNightly)(
  'waves of 1 and 2: never more hosts ordered and unreported than the wave has, the gatekeeper first',
  async () => {
    const { reference, version } = await publishNext();
    const since = (await busRevision()) + 1;

    await refitJson<Upgrade>(['upgrade', reference, '--install', 'waves', '--waves', '1,2']);

    const { most, order } = openOrders(await busHistory(since));
    expect(most).toBe(2);
    expect(order[0]).toBe('host-1');
    expect([...order.slice(1, 3)].sort()).toEqual(['host-2', 'host-3']);
    expect(order[3]).toBe('host-4');
    await everyStepOnce(version);
  },
);

test('daisy-chain: the agents hand the baton on in the order of the plan, and never two hosts install at once', async () => {
  const { reference, version } = await publishNext();
  const since = (await busRevision()) + 1;

  await refitJson<Upgrade>(['upgrade', reference, '--install', 'daisy-chain']);

  const history = await busHistory(since);
  const holders = history.filter(({ key }) => key.endsWith('/baton')).map(({ value }) => value?.['holder'] ?? null);
  expect(holders).toEqual([...hosts, null]);
  await everyStepOnce(version);
});

test('the same release again touches nothing and exits with 0', async () => {
  const { reference } = await publishNext();
  await refitJson<Upgrade>(['upgrade', reference]);
  const since = (await busRevision()) + 1;

  const again = await refitJson<Upgrade>(['upgrade', reference]);

  expect(again.state).toBe('succeeded');
  expect(again.hosts.map(({ state }) => state)).toEqual(hosts.map(() => 'alreadyThere'));
  expect(openOrders(await busHistory(since)).order).toEqual([]);
});

test.skipIf(!isNightly)('list, show and history tell of an upgrade that is over', async () => {
  const { reference, version } = await publishNext();
  const { id } = await refitJson<Upgrade>(['upgrade', reference]);

  const shown = await showUpgrade(id);
  const list = await refit(['upgrades', 'list']);
  const fleet = await refitJson<{ hosts: readonly { name: string; version: string; alive: boolean }[] }>([
    'fleet',
    'status',
  ]);

  expect(shown).toMatchObject({ id, state: 'succeeded', phase: 'end', fleet: 'test' });
  expect(list.stdout).toContain(id);
  expect(fleet.hosts).toMatchObject(hosts.map((name) => ({ name, version, alive: true })));
});
