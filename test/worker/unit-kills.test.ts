import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { isNightly, sample } from '../nightly.ts';
import { followContainers, type ContainerEvents } from '../parts/container-events.ts';
import { buildKilledWorker } from '../parts/kept-worker.ts';
import { openWorkshop } from '../parts/small-unit.ts';
import { failuresOf, startRequests, turnsOf, type SlotRequests } from '../parts/slot-requests.ts';
import { sampleSwitch, type SwitchSamples } from '../parts/switch-samples.ts';
import { hostNames, startTwoHosts, type TwoHosts } from '../parts/two-hosts.ts';
import { openLane, type LaneSite, type UnitLane } from '../parts/unit-lane.ts';
import { standingOf } from '../parts/unit-standing.ts';
import type { Kill, Sight } from './killed-unit/kills.ts';

/**
 * Longest that an upgrade takes which is killed a dozen times; ms. Each kill costs ten seconds, until the worker is missed; a
 * machine that does much else takes several times as long.
 */
const UPGRADE_MS = 900_000;

/** Kills of an upgrade, and of one that returns, in the ordinary run: a twelfth of all. */
const SAMPLED = 2;

const points = ['before', 'during', 'after'] as const;
type Point = (typeof points)[number];

/** Which of the steps' kills are done, and a word for it in names. */
type Fate = { readonly name: string; readonly killsOf: (steps: Steps) => readonly Kill[] };

/** Steps, and what is waited for in the middle of one before the worker dies; the number: that it comes so often. */
type Steps = Readonly<Record<string, readonly [Sight, number]>>;

const installSteps: Steps = { 'startSlotMember shared': ['change', 1] };

const stepsBack: Steps = {
  ...{ planUnit: ['change', 1], pullSlotImages: ['change', 1], 'createSlotMember service': ['change', 1] },
  ...{ joinSlotNetwork: ['change', 1], 'putSlotFiles service': ['change', 1] },
  // The first that starts is its check.
  ...{ 'runUnitJob orders up': ['start', 2], 'cutOver blue': ['switched', 1], 'drainSlot green': ['balancer', 1] },
  ...{ 'removeSlot green': ['change', 1], 'runUnitJob orders down': ['start', 1] },
};

const stepsThere: Steps = {
  ...{ 'startSlotMember service': ['change', 1], 'runUnitJob account-data up': ['start', 1] },
  ...{ 'startSlotMember addOn': ['change', 1], 'runUnitJob smoke up': ['start', 1], confirmSlots: ['look', 1] },
  ...{ 'cutOver green': ['switch', 1], soakSlot: ['look', 1], 'drainSlot blue': ['balancer', 1] },
  ...{ 'removeSlot blue': ['change', 1], 'runUnitJob tidy up': ['start', 1] },
};

let site: LaneSite;
let folder: string;
let hosts: TwoHosts;
let connection: Connection;
let events: readonly ContainerEvents[];
beforeAll(async () => {
  const temporal = inject('temporalAddress');
  folder = await mkdtemp(join(tmpdir(), 'refit-unit-kills-'));
  [hosts, connection] = await Promise.all([startTwoHosts(), Connection.connect({ address: temporal })]);
  const [workshop, program] = await Promise.all([
    openWorkshop(folder, hosts.registry.address),
    buildKilledWorker(folder),
  ]);
  site = { hosts, workshop, program, temporal, client: new Client({ connection }) };
  events = await Promise.all(hostNames.map((host) => followContainers(hosts.engines[host])));
});
afterAll(async () => {
  for (const each of events) each.close();
  await connection.close();
  await hosts.close();
  await rm(folder, { recursive: true, force: true });
});

test.skipIf(!isNightly).concurrent.each(points)(
  'kill -9 of the worker %s each step loses no request: the next one finishes the upgrade, or its return',
  { timeout: UPGRADE_MS },
  async (point) => {
    const fate = { name: point, killsOf: (steps: Steps) => killsAt(steps, point) };
    await Promise.all([upgradeAll(fate), returnAll(fate)]);
  },
);

test.skipIf(isNightly)(
  'kill -9 of the worker before, during and after some of the steps loses no request: the next one finishes the work',
  { timeout: UPGRADE_MS },
  async () => {
    await Promise.all([upgradeAll(sampled), returnAll(sampled)]);
  },
);

/** Of the steps from the start of the new slot's services on. */
async function upgradeAll({ name, killsOf }: Fate): Promise<void> {
  await using lane = await openLane(site, { unit: `there-${name}` });
  const second = await install(lane, []);
  const kills = killsOf(stepsThere);
  await lane.worker.plan(kills);
  const load = startLoad(lane);

  const ended = await lane.worker.during((await lane.upgrade(second)).end());

  await load.stop();
  expect(ended, ended.because).toMatchObject({ state: 'succeeded', active: 'green', standby: null });
  await expectAllDone(lane, kills);
  expectServed(load, ['blue', 'green']);
  expect(await lane.notes()).toEqual(['orders-up', 'account-up', 'smoke-up', 'tidy-up']);
  expect((await standingOf(hosts, lane.unit, 'blue')).all).toEqual([]);
  expect((await standingOf(hosts, lane.unit, 'green')).members).toHaveLength(MEMBERS);
  expectOnce(`destroy ${lane.unit}-blue-`, MEMBERS);
  expectOnce(`start ${lane.unit}-job-`, 5);
}

/** Of the steps up to the new slot's data, and of the way back once it took the requests. */
async function returnAll({ name, killsOf }: Fate): Promise<void> {
  await using lane = await openLane(site, { unit: `back-${name}` });
  const first = killsOf(installSteps);
  const second = await install(lane, first);
  await expectAllDone(lane, first);
  const before = await standingOf(hosts, lane.unit, 'blue');
  const kills = killsOf(stepsBack);
  await lane.worker.plan(kills);
  const load = startLoad(lane);

  const upgrade = await lane.upgrade(second, { keepMs: UPGRADE_MS });
  await eventually(async () => (await upgrade.progress()).step === 'keep', { withinMs: UPGRADE_MS, everyMs: 500 });
  const answer = await upgrade.command('rollback');
  const ended = await lane.worker.during(upgrade.end());

  await load.stop();
  expect(ended, `${answer} ${ended.because}`).toMatchObject({ state: 'rolledBack', active: 'blue', standby: null });
  await expectAllDone(lane, kills);
  expectServed(load, ['blue', 'green', 'blue']);
  expect(await lane.notes()).toEqual(['orders-up', 'account-up', 'smoke-up', 'orders-down']);
  expect((await standingOf(hosts, lane.unit, 'green')).all).toEqual([]);
  expect(await standingOf(hosts, lane.unit, 'blue')).toEqual(before);
  expectOnce(`destroy ${lane.unit}-green-`, MEMBERS);
}

/** Two web members, a worker, and an add-on on each host. */
const MEMBERS = 5;

/** The first release is in slot blue when it returns; what comes next is published. */
async function install(lane: UnitLane, kills: readonly Kill[]): Promise<Awaited<ReturnType<UnitLane['publish']>>> {
  const first = await lane.publish({ version: '1.0.0', webMembers: 2, hasJobs: false });
  const second = await lane.publish({ version: '2.0.0', webMembers: 2, hasJobs: true });
  await lane.worker.plan(kills);
  const ended = await lane.worker.during((await lane.upgrade(first)).end());
  expect(ended, ended.because).toMatchObject({ state: 'succeeded', active: 'blue' });
  return second;
}

const killsAt = (steps: Steps, point: Point): readonly Kill[] =>
  Object.entries(steps).map(([step, [sight, count]]) => ({
    ...{ step, victim: null },
    moment: point === 'during' ? { sight, count } : point,
  }));

/** Of each lane's kills some, at any of the points. */
const sampled: Fate = {
  name: 'sampled',
  killsOf: (steps) => {
    const all = points.flatMap((point) => killsAt(steps, point));
    return sample(`kills in ${Object.keys(steps).length} steps`, all, Math.min(SAMPLED, Object.keys(steps).length));
  },
};

type Load = { readonly requests: SlotRequests; readonly samples: SwitchSamples; readonly stop: () => Promise<void> };

function startLoad({ balancer }: UnitLane): Load {
  const requests = startRequests(balancer.url);
  const samples = sampleSwitch(balancer);
  const stop = async (): Promise<void> => {
    await Promise.all([requests.stop(), samples.stop()]);
  };
  return { requests, samples, stop };
}

async function expectAllDone(lane: UnitLane, kills: readonly Kill[]): Promise<void> {
  expect(await lane.worker.missed()).toEqual([]);
  expect(lane.worker.deaths()).toBeGreaterThanOrEqual(kills.length);
}

/** Each request, by the slot whose turn it was; and it was one slot's turn at each moment. */
function expectServed({ requests: { asked }, samples }: Load, turns: readonly ('blue' | 'green')[]): void {
  expect(failuresOf(asked)).toEqual([]);
  expect(turnsOf(asked, turns)).toEqual({ turns, strays: [] });
  expect(samples.running).toEqual(turns);
  expect(samples.file).toEqual(turns);
}

/** Done to so many containers whose name begins so, to each of them once. */
function expectOnce(did: string, count: number): void {
  const seen = events.flatMap((each) => each.seen).filter((one) => one.startsWith(did));
  expect([...new Set(seen)].sort()).toEqual([...seen].sort());
  expect(seen).toHaveLength(count);
}
