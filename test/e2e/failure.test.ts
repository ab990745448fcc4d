import { afterEach, expect, test } from 'vitest';
import { isNightly } from '../nightly.ts';
import { busHistory, busRevision, openOrders } from './platform/bus-history.ts';
import { inventory } from './platform/inventory.ts';
import { BREAK_FILE } from './platform/release.ts';
import { put, refit, refitJson, removeFile, type Upgrade } from './platform/refit.ts';
import {
  everyStepOnce,
  hosts,
  installedVersion,
  publishNext,
  settleFleet,
  untilOver,
  untilUpgrade,
} from './platform/upgrade.ts';

afterEach(settleFleet);

test('a failed step reverts its host, pauses the upgrade with exit code 4, and rollback brings every host back as it was', async () => {
  const base = await publishNext();
  await refitJson<Upgrade>(['upgrade', base.reference]);
  const before = await Promise.all(hosts.map(inventory));
  const next = await publishNext({ withReboot: true });
  await put('host-3', BREAK_FILE);
  const since = (await busRevision()) + 1;

  const paused = await refitJson<Upgrade>(['upgrade', next.reference], 4);

  expect(paused.state).toBe('waiting');
  expect(paused.waiting[0]?.movedOnBy).toContain(`refit rollback ${paused.id}`);
  expect(paused.hosts.map(({ state }) => state)).toEqual(['done', 'done', 'reverted', 'staged']);
  expect(await installedVersion('host-3')).toBe(base.version);
  expect(new Set(openOrders(await busHistory(since)).order)).not.toContain('host-4');

  const back = await refit(['rollback', paused.id, '--reason', 'the release is broken', '--json']);

  expect(back.exitCode).toBe(0);
  expect((JSON.parse(back.stdout) as Upgrade).state).toBe('rolledBack');
  const orders = openOrders(await busHistory(since)).order;
  expect(orders.slice(-2)).toEqual(['host-2', 'host-1']);
  for (const [index, host] of hosts.entries()) expect(await inventory(host), host).toBe(before[index]);
});

test.runIf(isNightly)(
  'a failed host that is tried again when its cause is gone finishes, and the upgrade succeeds',
  async () => {
    const { reference, version } = await publishNext();
    await put('host-2', BREAK_FILE);
    const { id } = await refitJson<Upgrade>(['upgrade', reference], 4);
    await removeFile('host-2', BREAK_FILE);

    const retry = await refit(['retry', id, 'host-2', '--reason', 'mended']);

    expect(retry.exitCode, retry.stderr).toBe(0);
    expect((await untilOver(id)).state).toBe('succeeded');
    await everyStepOnce(version);
  },
);

test.runIf(isNightly)(
  'what fails on a host that was not touched as well is the environment: it is waited out and nothing is undone',
  async () => {
    const { reference, version } = await publishNext();
    for (const host of ['host-2', 'host-3', 'host-4']) await put(host, BREAK_FILE);
    const { id } = await refitJson<Upgrade>(['upgrade', reference, '--detach', '--environment-retry', '2s']);
    const waiting = await untilUpgrade(id, (upgrade) =>
      upgrade.waiting.some(({ what }) => what.includes('environment')),
    );
    expect(waiting.hosts[0]).toMatchObject({ name: 'host-1', state: 'done' });

    for (const host of hosts) await removeFile(host, BREAK_FILE);

    expect((await untilOver(id)).state).toBe('succeeded');
    await everyStepOnce(version);
  },
);

test.runIf(isNightly)('with --on-failure skip a failed host is left, and the others are upgraded', async () => {
  const { reference, version } = await publishNext();
  await put('host-2', BREAK_FILE);

  const upgrade = await refitJson<Upgrade>(['upgrade', reference, '--on-failure', 'skip']);

  expect(upgrade.hosts.map(({ state }) => state)).toEqual(['done', 'skipped', 'done', 'done']);
  expect(await installedVersion('host-4')).toBe(version);
});

test.runIf(isNightly)('with --on-failure rollback a failed host takes the whole fleet back, exit code 1', async () => {
  const base = await publishNext();
  await refitJson<Upgrade>(['upgrade', base.reference]);
  const next = await publishNext();
  await put('host-3', BREAK_FILE);

  const upgrade = await refitJson<Upgrade>(['upgrade', next.reference, '--on-failure', 'rollback'], 1);

  expect(upgrade.state).toBe('rolledBack');
  for (const host of hosts) expect(await installedVersion(host)).toBe(base.version);
});

test.runIf(isNightly)(
  'in a daisy chain a host that fails keeps the baton: nobody after it starts, and after a retry the chain goes on',
  async () => {
    const { reference, version } = await publishNext();
    await put('host-2', BREAK_FILE);
    const since = (await busRevision()) + 1;
    const { id } = await refitJson<Upgrade>(['upgrade', reference, '--install', 'daisy-chain'], 4);
    const batons = (await busHistory(since)).filter(({ key }) => key.endsWith('/baton'));
    expect(batons.at(-1)?.value?.['holder']).toBe('host-2');
    expect(await installedVersion('host-3')).not.toBe(version);
    await removeFile('host-2', BREAK_FILE);

    await refit(['resume', id]);

    expect((await untilOver(id)).state).toBe('succeeded');
    await everyStepOnce(version);
  },
);
