import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { leastAvailable, memberName, type ServicePolicy, type ServiceProgress } from '../../model/service.ts';
import { isOver } from '../../model/upgrade.ts';
import { eventually } from '../eventually.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { idOf } from '../fakes/fake-member.ts';
import { OLD_IMAGE } from '../fakes/fake-members.ts';
import { chanceSeeds } from '../nightly.ts';
import { Seeded } from './seeded.ts';
import { NEW_IMAGE, startService, type ServiceUpgrade } from './service-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  // Every step is replayed, so that one which depends on chance is found.
  world = await openWorld(inject('temporalAddress'), { maxCachedWorkflows: 0 });
});
afterAll(async () => world.close());

const seeds = chanceSeeds('services by chance', 16, 3);
/** Commands that an operator gives at random before only answering what is asked. */
const COMMANDS = 4;
/** Answers after which an operator gives up. */
const MAX_RESUMES = 8;
/** Answers of activities that are lost, so that what they did is done again. */
const LOST_ANSWERS = 3;
const LONG_MS = 180_000;

describe('any failures, lost answers, sick members and commands', () => {
  test.concurrent.each(seeds)(
    'leave a service as the end says, and take no member that is needed; seed %i',
    async (seed) => {
      const random = new Seeded(seed);
      const fleet = plantMembers(random);
      const policy = choosePolicy(random);
      const before = fleet.members.all.map((member) => member.serverState);
      const allowed = leastAvailable(policy, fleet.members.all.length);
      disturb(fleet, random);

      const upgrade = await startService(world, fleet, { policy });
      const commands = await operate(upgrade, fleet, random);
      const end = await upgrade.end();

      const story = `seed ${seed}, ${JSON.stringify(policy)}, ${commands.join(' ')} ${end.error ?? ''}\n${fleet.log.join('\n')}`;
      if (policy.strategy.strategy === 'allAtOnce') expect(fleet.members.isMixed, story).toBe(false);
      else expect(fleet.members.leastWhenTaken, story).toBeGreaterThanOrEqual(allowed);
      if (end.failure === 'WrongInput')
        expect(
          fleet.log.filter((event) => /drain|stop/.test(event)),
          story,
        ).toEqual([]);
      else expectTrue(end, fleet, story);
      const wrong = fleet.members.all.filter(
        (member, index) => member.serverState !== before[index] && stateOf(end, member) !== 'Failed',
      );
      expect(wrong.map(memberOf), story).toEqual([]);
    },
    LONG_MS,
  );
});

/** What the end says of the members is so. */
function expectTrue(end: ServiceProgress, fleet: FakeFleet, story: string): void {
  expect(['succeeded', 'rolledBack', 'aborted'], story).toContain(end.state);
  for (const member of fleet.members.all) {
    const state = stateOf(end, member);
    const image = member.current.image;
    const told = `${memberOf(member)} is ${state ?? 'unknown'}: ${story}`;
    if (end.state === 'succeeded' && state === 'Active') expect(image, told).toBe(NEW_IMAGE);
    if (end.state === 'rolledBack' && state !== 'Failed') expect(idOf(image), told).toBe(idOf(OLD_IMAGE));
    expect(state, told).not.toBe('Updating');
  }
}

const memberOf = ({ host, name }: { readonly host: string; readonly name: string }): string => `${host}/${name}`;
const stateOf = (
  { members }: ServiceProgress,
  member: { readonly host: string; readonly name: string },
): string | undefined => members.find((each) => memberName(each) === memberOf(member))?.state;

function plantMembers(random: Seeded): FakeFleet {
  const hosts = Array.from({ length: 1 + random.below(4) }, (_, index) => `host-${index + 1}`);
  const fleet = world.fleet(hosts.length);
  fleet.members.add(hosts, { each: 1 + random.below(3), serverState: random.pick(['ready', 'ready', null]) });
  for (const member of fleet.members.all) {
    if (member.serverState === 'ready' && random.next() < 0.1) member.serverState = 'drain';
    if (random.next() < 0.07) member.sickImages.add(random.pick([OLD_IMAGE, NEW_IMAGE]));
    while (random.next() < 0.15) member.failNext(random.pick(['refused', 'unhealthy', 'unhealthy', 'stuck']));
    if (random.next() < 0.05) member.failBack('by chance');
  }
  for (const host of hosts)
    if (random.next() < 0.1) fleet.members.failPull(host, random.pick(['environment', 'input']));
  return fleet;
}

function choosePolicy(random: Seeded): Partial<ServicePolicy> & Pick<ServicePolicy, 'strategy' | 'minAvailable'> {
  return {
    strategy: random.pick<ServicePolicy['strategy']>([
      { strategy: 'inPlace' },
      { strategy: 'phases', size: { hosts: 1 + random.below(4) } },
      { strategy: 'phases', size: { percent: 10 + random.below(90) } },
      { strategy: 'allAtOnce' },
    ]),
    minAvailable: random.pick([null, { hosts: 1 + random.below(3) }, { percent: random.below(80) }]),
    mode: random.pick(['inPlace', 'inPlace', 'create']),
    onFailure: random.pick(['pause', 'skip', 'rollback']),
    maxFailures: { hosts: random.below(3) },
    health: { minHealthyTimeMs: 0, deadlineMs: 2_000, probe: null },
    environmentRetries: 1,
  };
}

/** Answers get lost; and members fall ill or recover, but not between a look at them and what follows from it. */
function disturb(fleet: FakeFleet, random: Seeded): void {
  let left = LOST_ANSWERS;
  fleet.onActivity = (name, when) => {
    const member = fleet.members.all[random.below(fleet.members.all.length)];
    if (['findMembers', 'countMembers'].includes(name) && when === 'before') member?.ail(random.next() < 0.4);
    if (when === 'before' || left === 0 || random.next() > 0.1) return;
    left -= 1;
    throw new Error('the answer is lost');
  };
}

/** Commands at moments that the fleet's own events choose; then whatever gets it to an end. */
async function operate(upgrade: ServiceUpgrade, fleet: FakeFleet, random: Seeded): Promise<readonly string[]> {
  const given: string[] = [];
  const give = async (name: string): Promise<void> => {
    given.push(`${name} (${await upgrade.command(name).catch((error: unknown) => String(error))});`);
  };
  for (let turn = 0; turn < COMMANDS; turn++) {
    const count = fleet.log.length + random.below(6);
    if (await untilEvents(upgrade, fleet, count)) return given;
    const name = random.pick(['pause', 'resume', 'resume', 'rollback', 'abort', 'resume']);
    // Ends are rare, or there would be little to see.
    if ((name === 'abort' || name === 'rollback') && random.next() < 0.6) continue;
    await give(name);
  }
  await eventually(
    async () => {
      const { state } = await upgrade.progress();
      if (state === 'paused' || state === 'waiting') await give(given.length > MAX_RESUMES ? 'abort' : 'resume');
      return isOver(state);
    },
    { withinMs: 120_000, everyMs: 50 },
  );
  return given;
}

/** True: the upgrade is over. A fleet in which nothing happens any more waits for its operator. */
async function untilEvents(upgrade: ServiceUpgrade, fleet: FakeFleet, count: number): Promise<boolean> {
  return eventually(
    async () => {
      const { state } = await upgrade.progress();
      if (isOver(state)) return { isEnded: true };
      return fleet.log.length >= count || state === 'paused' || state === 'waiting' ? { isEnded: false } : null;
    },
    { everyMs: 10 },
  ).then(({ isEnded }) => isEnded);
}
