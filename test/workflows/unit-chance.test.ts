import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { UnitProgress } from '../../model/unit-upgrade.ts';
import type { UnitPolicy } from '../../model/unit.ts';
import { isOver } from '../../model/upgrade.ts';
import { eventually } from '../eventually.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { shop } from '../model/units.ts';
import { chanceSeeds } from '../nightly.ts';
import { Seeded } from './seeded.ts';
import { chooseUnit, chooseUnitPolicy, disturbUnit, Watched } from './unit-disturbed.ts';
import { installed, startUnit, type UnitUpgrade } from './unit-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => {
  await restarting;
  await world.close();
});

const seeds = chanceSeeds('units by chance', 24, 4);
/** Commands that an operator gives at random before only answering what is asked. */
const COMMANDS = 3;
/** Answers after which an operator gives up, by a way back and then for good. */
const MAX_ANSWERS = 5;
/** How often the worker is taken away, over all upgrades. */
const RESTARTS = 6;
/** Longest for one upgrade to come to its end, and for a test; ms. */
const WITHIN_MS = 100_000;
const LONG_MS = 180_000;

describe('any failures, lost answers, sick members, restarts and commands', () => {
  test.concurrent.each(seeds)(
    'leave requests on a slot that is whole, and what the end says; seed %i',
    async (seed) => {
      const random = new Seeded(seed);
      const { fleet, units, watched } = await plant(random);
      const policy = chooseUnitPolicy(random);
      disturbUnit(fleet, units, { watched, random });
      restartByChance(fleet, random);

      const upgrade = await startUnit(world, fleet, { policy });
      const commands = await operate(upgrade, fleet, random).catch(async (error: unknown) => {
        const stuck = JSON.stringify(await upgrade.progress());
        throw new Error(`seed ${seed} is stuck: ${stuck}\n${fleet.log.join('\n')}`, { cause: error });
      });
      const end = await upgrade.end();

      const story = `seed ${seed}, ${JSON.stringify(policy)}, ${commands.join(' ')} ${end.state} ${end.error ?? ''} ${end.because}\n${fleet.log.join('\n')}`;
      watched.look('the end');
      expect(watched.broken, story).toEqual([]);
      expect(watched.jobs, story).toEqual([...new Set(watched.jobs)]);
      expect(end.failure === null || (end.failure === 'UpgradeFailed' && policy.onFailure === 'keep'), story).toBe(
        true,
      );
      expectTrue({ end, watched, policy, fleet }, story);
      await expectOver(upgrade, end, story);
    },
    LONG_MS,
  );
});

type Ended = {
  readonly end: UnitProgress;
  readonly watched: Watched;
  readonly policy: Partial<UnitPolicy>;
  readonly fleet: FakeFleet;
};

/** What the end says of the slots is so. */
function expectTrue({ end, watched, policy, fleet }: Ended, story: string): void {
  const named = [end.active, end.standby].filter((slot) => slot !== null);
  expect(watched.serving, story).toBe(end.active);
  if (end.state === 'aborted') return;
  expect([...watched.filled()].sort(), story).toEqual([...named].sort());
  if (end.state === 'succeeded') expect(named, story).toEqual([end.active]);
  if (end.state === 'rolledBack' && policy.onFailure !== 'keep')
    expect(named.length, story).toBe(end.active === null ? 0 : 1);
  if (end.state === 'rolledBack' && named.length === 0) expect(fleet.units?.containers('shared'), story).toEqual([]);
}

/** Nothing moves it any more. */
async function expectOver(upgrade: UnitUpgrade, { state }: UnitProgress, story: string): Promise<void> {
  await expect(upgrade.command('rollback'), story).rejects.toThrow();
  expect((await upgrade.progress()).state, story).toBe(state);
}

/** A unit that is not there yet, or is in slot blue. */
async function plant(random: Seeded) {
  const fleet = world.fleet(2 + random.below(2));
  const units = fleet.install();
  units.publish('2.0.0', chooseUnit(random));
  const isFirst = random.next() < 0.25;
  if (isFirst) units.balancer.setActive(shop, random.pick(['unset', 'blue']));
  else await installed(world, fleet);
  return { fleet, units, watched: new Watched(fleet, units, isFirst ? null : 'blue') };
}

/** Commands at moments that the fleet's own events choose; then whatever gets it to an end. */
async function operate(upgrade: UnitUpgrade, fleet: FakeFleet, random: Seeded): Promise<readonly string[]> {
  const given: string[] = [];
  const give = async (name: string, step?: string): Promise<void> => {
    const said = upgrade.command(name, step === undefined ? {} : { step }).catch((error: unknown) => String(error));
    given.push(`${name} ${step ?? ''} (${await said});`);
  };
  for (let turn = 0; turn < COMMANDS; turn++) {
    if (await untilEvents(upgrade, fleet, fleet.log.length + random.below(20))) return given;
    const name = random.pick(['pause', 'resume', 'resume', 'rollback', 'abort', 'approve', 'deleteStandby']);
    // Ends are rare, or there would be little to see.
    if ((name === 'abort' || name === 'rollback') && random.next() < 0.6) continue;
    await give(name, name === 'approve' ? random.pick(['cutover', 'unwell']) : undefined);
  }
  await eventually(async () => answer(upgrade, given, give), { withinMs: WITHIN_MS, everyMs: 200 });
  return given;
}

/** True: it is over. */
async function answer(
  upgrade: UnitUpgrade,
  given: readonly string[],
  give: (name: string, step?: string) => Promise<void>,
): Promise<boolean> {
  const { state, waiting } = await upgrade.progress();
  if (state !== 'paused' && state !== 'waiting') return isOver(state);
  const movedOnBy = waiting.find(({ what }) => what.startsWith('the operator'))?.movedOnBy ?? '';
  const step = /approve shop (\w+)/.exec(movedOnBy)?.[1];
  if (given.length > 2 * MAX_ANSWERS) await give('abort');
  else if (given.length > MAX_ANSWERS && movedOnBy.includes('rollback')) await give('rollback');
  else if (step !== undefined) await give('approve', step);
  else await give('resume');
  return false;
}

/** True: the upgrade is over. A fleet in which nothing happens any more waits for its operator. */
async function untilEvents(upgrade: UnitUpgrade, fleet: FakeFleet, count: number): Promise<boolean> {
  return eventually(
    async () => {
      const { state } = await upgrade.progress();
      if (isOver(state)) return { isEnded: true };
      return fleet.log.length >= count || state === 'paused' || state === 'waiting' ? { isEnded: false } : null;
    },
    { withinMs: WITHIN_MS, everyMs: 100 },
  ).then(({ isEnded }) => isEnded);
}

let restarts = 0;
let restarting: Promise<void> = Promise.resolve();

/** Takes the worker of all upgrades away at random ends of activities, and starts another. */
function restartByChance(fleet: FakeFleet, random: Seeded): void {
  const disturb = fleet.onActivity;
  fleet.onActivity = (name, when) => {
    // So that a unit's log tells its whole story.
    fleet.changed(`${when} ${name}`);
    if (when === 'after' && restarts < RESTARTS && random.next() < 0.02) {
      restarts += 1;
      // Not awaited: the worker waits for this activity before it ends.
      restarting = restarting.then(async () => {
        await world.stopWorker();
        await world.startWorker();
      });
    }
    return disturb(name, when);
  };
}
