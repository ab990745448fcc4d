import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readActiveInFile } from '../../drivers/haproxy/map-file.ts';
import { readActiveInMap } from '../../drivers/haproxy/running-map.ts';
import type { ReleaseRef } from '../../model/release.ts';
import type { Slot } from '../../model/unit.ts';
import { eventually } from '../eventually.ts';
import { sample } from '../nightly.ts';
import { buildKilledWorker } from '../parts/kept-worker.ts';
import { startRuntimeProxy, type RuntimeProxy } from '../parts/runtime-proxy.ts';
import { failuresOf, startRequests, turnsOf, type Asked } from '../parts/slot-requests.ts';
import { openWorkshop } from '../parts/small-unit.ts';
import { startTwoHosts, type TwoHosts } from '../parts/two-hosts.ts';
import type { UnitBalancer } from '../parts/unit-balancer.ts';
import { openLane, type LaneSite, type UnitLane } from '../parts/unit-lane.ts';
import { standingOf } from '../parts/unit-standing.ts';
import type { UnitUpgrade } from '../workflows/unit-upgrade.ts';
import type { Kill, Sight } from './killed-unit/kills.ts';

/** Longest that one upgrade with its install takes on a machine that does much else; ms. */
const UPGRADE_MS = 300_000;

let site: LaneSite;
let folder: string;
let hosts: TwoHosts;
let connection: Connection;
beforeAll(async () => {
  const temporal = inject('temporalAddress');
  folder = await mkdtemp(join(tmpdir(), 'refit-unit-faults-'));
  [hosts, connection] = await Promise.all([startTwoHosts(), Connection.connect({ address: temporal })]);
  const [workshop, program] = await Promise.all([
    openWorkshop(folder, hosts.registry.address),
    buildKilledWorker(folder),
  ]);
  site = { hosts, workshop, program, temporal, client: new Client({ connection }) };
});
afterAll(async () => {
  await connection.close();
  await hosts.close();
  await rm(folder, { recursive: true, force: true });
});

/** What an ordinary run kills, of the two. */
const killed = sample('what is killed beside a worker', ['balancer', 'engine'] as const, 1);

/** When it dies, of the one command that sets its running map. */
const balancerKills = ['before', 'after'] as const;

describe('kill -9 of the load balancer in the cutover', () => {
  test.runIf(killed.includes('balancer')).concurrent.each(sample('kills of the load balancer', balancerKills, 1))(
    '%s its running map is set: what it starts with is what the worker said',
    { timeout: UPGRADE_MS },
    async (moment) => {
      const struck = new Struck(moment);
      await using lane = await openLane(site, {
        unit: `balancer-${moment}`,
        endpoint: async (balancer) => struck.inFrontOf(balancer),
      });
      const { second } = await install(lane, 2);
      struck.arm();
      const requests = startRequests(lane.balancer.url);

      const upgrade = await lane.upgrade(second);
      await eventually(() => struck.at !== null, { withinMs: UPGRADE_MS, everyMs: 10 });
      await triedAgain(upgrade);
      await lane.balancer.start();
      const back = performance.now();
      const ended = await lane.worker.during(upgrade.end());

      await requests.stop();
      await struck.close();
      expect(ended, ended.because).toMatchObject({ state: 'succeeded', active: 'green', standby: null });
      expect(failuresOf(requests.asked).filter(isOutside({ from: struck.at ?? 0, to: back }))).toEqual([]);
      expect(failuresOf(requests.asked)).not.toEqual([]);
      expect(turnsOf(requests.asked, ['blue', 'green'])).toEqual({ turns: ['blue', 'green'], strays: [] });
      expect(await activeOf(lane.balancer)).toEqual({ running: ['green'], file: ['green'] });
      expect((await standingOf(hosts, lane.unit, 'blue')).all).toEqual([]);
    },
  );
});

/** Where the engine dies that has members of the new slot, and of the earlier one only such as take no requests. */
const engineKills = [
  ['while the new slot is made', 'createSlotMember service', 'change'],
  ['while its members start', 'startSlotMember service', 'start'],
  ['during its tests', 'runUnitJob smoke up', 'start'],
  ['in the soak', 'soakSlot', 'look'],
] as const satisfies readonly (readonly [string, string, Sight])[];

describe('kill -9 of an engine', () => {
  test.runIf(killed.includes('engine')).each(sample('kills of an engine', engineKills, 1))(
    '%s: the upgrade ends well or returns, and the earlier slot serves all along',
    { timeout: UPGRADE_MS },
    async (_when, step, sight) => {
      await using lane = await openLane(site, { unit: `engine-${step.toLowerCase().replaceAll(' ', '-')}` });
      const { second, before } = await install(lane, 1);
      const engine = hosts.engines['host-2'];
      const victim = Number(
        await readFile(join(dirname(new URL(engine.access.endpoint).pathname), 'docker.pid'), 'utf8'),
      );
      const kill: Kill = { step, moment: { sight, count: 1 }, victim };
      await lane.worker.plan([kill]);
      const requests = startRequests(lane.balancer.url);

      const upgrade = await lane.upgrade(second);
      await eventually(() => !existsSync(`/proc/${victim}`), { withinMs: UPGRADE_MS, everyMs: 10 });
      const from = await lane.worker.doneAt(kill);
      await (step === 'soakSlot' ? asked(requests.asked) : triedAgain(upgrade));
      await engine.start();
      const to = performance.now();
      const ended = await lane.worker.during(upgrade.end());

      await requests.stop();
      expect(['succeeded', 'rolledBack'], ended.because).toContain(ended.state);
      expect(await lane.worker.missed()).toEqual([]);
      expect(lane.worker.deaths()).toBe(0);
      const outside = failuresOf(requests.asked).filter(isOutside({ from, to }));
      expect(step === 'soakSlot' ? outside : failuresOf(requests.asked)).toEqual([]);
      const turns = turnsTo(step, ended.state === 'succeeded');
      expect(turnsOf(requests.asked, turns)).toEqual({ turns, strays: [] });
      const notes = await lane.notes();
      expect([...new Set(notes)]).toEqual(notes);
      const [kept, gone] = ended.state === 'succeeded' ? (['green', 'blue'] as const) : (['blue', 'green'] as const);
      expect(await activeOf(lane.balancer)).toEqual({ running: [kept], file: [kept] });
      expect((await standingOf(hosts, lane.unit, gone)).all).toEqual([]);
      if (kept === 'green') return;
      expect(await standingOf(hosts, lane.unit, 'blue')).toEqual(before);
      // What it returned from is in nobody's way. An engine that died while it started a container holds on to the port of it,
      // which nobody has any more, until it is started once more.
      await engine.kill();
      await engine.start();
      const next = await lane.worker.during((await lane.upgrade(second)).end());
      expect(next, next.because).toMatchObject({ state: 'succeeded', active: 'green', standby: null });
    },
  );
});

/** Kills the load balancer once, when its running map is about to be set, or has just been. */
class Struck {
  /** When it died; of `performance.now()`. */
  at: number | null = null;
  readonly #moment: 'before' | 'after';
  #isArmed = false;
  #proxy: RuntimeProxy | null = null;

  constructor(moment: 'before' | 'after') {
    this.#moment = moment;
  }

  async inFrontOf(balancer: UnitBalancer): Promise<string> {
    const strike = async (moment: 'before' | 'after', command: string): Promise<boolean> => {
      if (!this.#isArmed || moment !== this.#moment || !/^(set|add) map /.test(command)) return false;
      this.#isArmed = false;
      const at = performance.now();
      await balancer.kill();
      this.at = at;
      return true;
    };
    this.#proxy = await startRuntimeProxy(balancer.endpoint, {
      before: async (command) => !(await strike('before', command)),
      after: async (command) => {
        await strike('after', command);
      },
    });
    return this.#proxy.endpoint;
  }

  arm(): void {
    this.#isArmed = true;
  }

  async close(): Promise<void> {
    await this.#proxy?.close();
  }
}

function turnsTo(step: string, succeeded: boolean): readonly Slot[] {
  if (succeeded) return ['blue', 'green'];
  return step === 'soakSlot' ? ['blue', 'green', 'blue'] : ['blue'];
}

type Installed = { readonly second: ReleaseRef; readonly before: Awaited<ReturnType<typeof standingOf>> };

/** The first release is in slot blue when it returns, with so many members that take requests. */
async function install(lane: UnitLane, webMembers: number): Promise<Installed> {
  const first = await lane.publish({ version: '1.0.0', webMembers, hasJobs: false });
  const second = await lane.publish({ version: '2.0.0', webMembers: 2, hasJobs: true });
  const ended = await lane.worker.during((await lane.upgrade(first)).end());
  expect(ended, ended.because).toMatchObject({ state: 'succeeded', active: 'blue' });
  return { second, before: await standingOf(hosts, lane.unit, 'blue') };
}

/** The worker has noticed that something is away. */
async function triedAgain({ handle }: UnitUpgrade): Promise<void> {
  const isTriedAgain = async (): Promise<boolean> => {
    const { raw } = await handle.describe();
    return raw.pendingActivities?.some(({ attempt }) => (attempt ?? 0) > 1) === true;
  };
  await eventually(isTriedAgain, { withinMs: UPGRADE_MS, everyMs: 100 });
}

/** Requests that are asked while an engine is away of which the soak says nothing. */
const ASKED_MEANWHILE = 100;

async function asked(all: readonly Asked[]): Promise<void> {
  const before = all.length;
  await eventually(() => all.length >= before + ASKED_MEANWHILE, { withinMs: UPGRADE_MS });
}

const isOutside =
  ({ from, to }: { readonly from: number; readonly to: number }) =>
  ({ began, ended }: Asked): boolean =>
    ended < from || began > to;

async function activeOf({
  endpoint,
  map,
}: UnitBalancer): Promise<Readonly<Record<'running' | 'file', readonly string[]>>> {
  return { running: await readActiveInMap({ name: 'edge', endpoint }, map), file: await readActiveInFile(map) };
}
