import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Progress } from '../../model/upgrade.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { chanceSeeds } from '../nightly.ts';
import { operate, plantFaults } from './by-chance.ts';
import { Seeded } from './seeded.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const seeds = chanceSeeds('upgrades over hops by chance', 12, 3);
const LONG_MS = 120_000;
const START = '1.0.0';
const TARGET = '2.0.0';

describe('any path, any failures and any commands', () => {
  test.concurrent.each(seeds)(
    'leave hosts and schema as the end says, and nothing goes back past a point of no return; seed %i',
    async (seed) => {
      const random = new Seeded(seed);
      const fleet = world.fleet(2 + random.below(3));
      fleet.path = ['1.2.0', '1.4.0', '1.6.0'].slice(0, 1 + random.below(3));
      const points = plantMigrations(fleet, random);
      plantFaults(fleet, random);

      const onFailure = random.pick(['pause', 'skip', 'rollback'] as const);
      const pointsOfNoReturn = random.pick(['ask', 'pass'] as const);
      const upgrade = await world.start(fleet, { onFailure, pointsOfNoReturn, environmentRetries: 1 });
      const named = random.next() < 0.5 ? {} : { checkpoints: ['start', ...fleet.path] as const };
      const commands = await operate(upgrade, { fleet, random, ...named });
      const end = await upgrade.end();

      const story = `seed ${seed}, ${onFailure}, ${commands.join(' ')}\n${fleet.log.join('\n')}`;
      expectHosts(end, fleet, story);
      expectSchema(end, fleet, { points, story });
    },
    LONG_MS,
  );
});

/** Names of those that have no way back, as the fake's schema names them. */
function plantMigrations(fleet: FakeFleet, random: Seeded): readonly string[] {
  const points: string[] = [];
  for (const version of [...fleet.path, TARGET]) {
    const isPoint = random.next() < 0.25;
    const back = { hasDown: !isPoint, isPointOfNoReturn: isPoint };
    if (isPoint) points.push(`${version} expand`);
    if (random.next() < 0.3) fleet.migrations.failNext('expand', 'up', random.pick(['broken', 'failed']));
    if (random.next() < 0.2) fleet.migrations.failNext('contract', 'down');
    fleet.migrations.declare(version, { name: 'expand', ...back }, { name: 'contract', when: 'contract' });
  }
  return points;
}

/** Hosts that nothing went wrong with are where the last hop that stays has brought them. */
function expectHosts(end: Progress, fleet: FakeFleet, story: string): void {
  expect(['succeeded', 'rolledBack', 'aborted'], `${end.error ?? ''} ${story}`).toContain(end.state);
  if (end.state === 'aborted') return;
  const staying = end.hops.findLast(({ state }) => state === 'done')?.to ?? START;
  expect(end.state !== 'succeeded' || staying === TARGET, story).toBe(true);
  for (const { name, state } of end.hosts) {
    if (state === 'skipped' || state === 'stuck' || state === 'lost') continue;
    if (end.state === 'rolledBack' && end.hops.every((hop) => hop.state === 'pending')) continue;
    expect(fleet.host(name).installed, `${name} is ${state}: ${story}`).toBe(staying);
  }
}

/** What is applied belongs to hops that stay, all of it; what has no way back is never taken back. */
function expectSchema(
  end: Progress,
  { migrations, log }: FakeFleet,
  { points, story }: { readonly points: readonly string[]; readonly story: string },
): void {
  for (const point of points) expect(log, story).not.toContain(`down ${point}`);
  if (end.state === 'aborted') return;
  const staying = end.hops.filter(({ state }) => state === 'done').map(({ to }) => to);
  const expected = staying.flatMap((to) => [`${to} expand`, `${to} contract`]);
  expect([...migrations.applied].sort(), story).toEqual(expected.sort());
}
