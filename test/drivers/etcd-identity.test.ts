import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseReport } from '../../drivers/bus-values.ts';
import { fleetUser, hostUser, identitiesOf, removals } from '../../model/bus-rights.ts';
import type { Order, Report } from '../../model/bus.ts';
import { parseHostId } from '../../model/ids.ts';
import type { Bus } from '../../model/ports.ts';
import type { ReleaseRef } from '../../model/release.ts';
import { countingStep, fleet, keys, me, TestHost, upgradeOne } from '../agent/test-host.ts';
import { eventually } from '../eventually.ts';
import { watch } from './bus-contract.ts';
import { smallFleet, startGuardedEtcd, type GuardedEtcd } from './guarded-etcd.ts';

const ours = smallFleet(fleet, [me, 'host-2']);
/** Changes of rights during one install: each makes every request before it one of an old revision. */
const RIGHTS_CHANGES = 60;

async function guardedEtcd(members = 1): Promise<GuardedEtcd> {
  const guarded = await startGuardedEtcd([ours], members);
  onTestFinished(() => guarded[Symbol.asyncDispose]());
  return guarded;
}

function testHost(): TestHost {
  const host = new TestHost();
  onTestFinished(() => host.close());
  return host;
}

/** A release with one step, which waits until the test lets it go on. */
function staged(host: TestHost): { readonly release: ReleaseRef; readonly gate: string; readonly made: string } {
  const [gate, made] = [join(host.folder, 'gate'), join(host.folder, 'made')];
  const command = ['sh', '-c', `until [ -e ${gate} ]; do sleep 0.05; done; echo installed >>${made}`];
  const step = countingStep('wait', made, { command, timeoutMs: 60_000 });
  return { release: host.stage({ version: '2.0.0', steps: [step] }), gate, made };
}

const orderFor = (release: ReleaseRef, order: Partial<Order> = {}): Order => ({
  ...{ v: 1, upgrade: upgradeOne, hop: 0, epoch: 1, sequence: 1, action: 'install', release, step: null },
  ...{ service: null, edited: null, start: 'now', deadlineMs: 120_000 },
  ...order,
});

const put = async (bus: Bus, values: Readonly<Record<string, unknown>>): Promise<void> => {
  const puts = Object.entries(values).map(([key, value]) => ({ key, value: JSON.stringify(value) }));
  expect(await bus.write({ conditions: [], puts })).toMatchObject({ outcome: 'ok' });
};

async function reportOn(bus: Bus): Promise<Report | null> {
  const entry = await bus.read(keys.report(me));
  const parsed = entry === null ? null : parseReport(entry.value);
  return parsed?.ok === true ? parsed.value : null;
}

const phaseOn = async (bus: Bus): Promise<string | undefined> => (await reportOn(bus))?.phase;

test('an agent with its host’s certificate installs while rights change and members restart, and hands the baton on', async () => {
  const guarded = await guardedEtcd(3);
  const worker = await guarded.busOf(fleetUser(fleet));
  const host = testHost();
  const { release, gate, made } = staged(host);
  const alive = watch(worker, keys.alive(me));
  host.start({ bus: await guarded.busOf(hostUser(fleet, me)) });
  await put(worker, { [keys.order(me)]: orderFor(release, { start: 'baton' }) });
  await eventually(async () => expect(await phaseOn(worker)).toBe('staged'));

  await put(worker, {
    [keys.chain(upgradeOne)]: { v: 1, upgrade: upgradeOne, epoch: 1, hosts: [me, 'host-2'] },
    [keys.baton(upgradeOne)]: { v: 1, epoch: 1, position: 0, holder: me },
  });
  await eventually(async () => expect(await phaseOn(worker)).toBe('installing'));
  await changeRights(guarded);
  const seenAlive = alive.slice(alive.findIndex((entries) => entries.length > 0));
  await guarded.etcd.members[0]?.kill();
  await guarded.etcd.members[0]?.start();
  writeFileSync(gate, '');

  await eventually(async () => expect(await phaseOn(worker)).toBe('done'));
  await eventually(async () =>
    expect(JSON.parse((await worker.read(keys.baton(upgradeOne)))?.value ?? '')).toMatchObject({ holder: 'host-2' }),
  );
  await eventually(() => expect(alive.at(-1)?.[0]?.value).toContain('"phase":"done"'));
  expect(readFileSync(made, 'utf8')).toBe('installed\n');
  expect(seenAlive.length).toBeGreaterThan(0);
  expect(seenAlive.filter((entries) => entries.length === 0)).toEqual([]);
});

test('an agent that has no rights yet goes on by itself once it has them, and writes nothing when they are taken', async () => {
  const guarded = await guardedEtcd();
  const late = parseHostId('late-1');
  const worker = await guarded.busOf(fleetUser(fleet));
  const bus = await guarded.busOf(hostUser(fleet, late));
  const seen = watch(bus, keys.host(late));
  bus.keepAlive({ key: keys.alive(late), value: () => 'here', ttlMs: 2_000, signal: new AbortController().signal });
  await put(worker, { [keys.order(late)]: 'an order' });
  expect(await bus.write({ conditions: [], puts: [{ key: keys.report(late), value: 'x' }] })).toMatchObject({
    outcome: 'unknown',
    cause: expect.stringContaining('permission denied') as string,
  });

  await guarded.grant(smallFleet(fleet, [me, 'host-2', late]));
  await eventually(() => expect(seen.at(-1)?.map(({ key }) => key)).toEqual([keys.alive(late), keys.order(late)]));
  await guarded.grant(ours);

  await eventually(async () => expect(await worker.read(keys.alive(late))).toBeNull());
  await expect(bus.read(keys.host(late))).rejects.toThrow('permission denied');
});

/** A host comes and goes, as when a fleet grows while it is upgraded. */
async function changeRights({ authority }: GuardedEtcd): Promise<void> {
  const [, guest] = identitiesOf(fleet, [parseHostId('guest')]);
  if (guest === undefined) throw new Error('a host has an identity');
  for (let change = 0; change < RIGHTS_CHANGES; change += 2) {
    await authority.apply({ change: 'addRole', role: guest.role });
    const found = { users: new Map(), roles: new Map([[guest.role, []]]) };
    for (const removal of removals(found, [guest])) await authority.apply(removal);
  }
}
