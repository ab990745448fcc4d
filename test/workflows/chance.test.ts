import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { InstallStrategy, Policy } from '../../model/policy.ts';
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

const seeds = chanceSeeds('upgrades by chance', 12, 3);
const LONG_MS = 120_000;

describe('any failures and any commands', () => {
  test.concurrent.each(seeds)(
    'leave the fleet as the end says, never with more hosts away than may be; seed %i',
    async (seed) => {
      const random = new Seeded(seed);
      const fleet = world.fleet(3 + random.below(6));
      const policy = choosePolicy(random);
      plantFaults(fleet, random);

      const upgrade = await world.start(fleet, policy);
      const commands = await operate(upgrade, { fleet, random });
      const end = await upgrade.end();

      const story = `seed ${seed}, ${JSON.stringify(policy)}, ${commands.join(' ')}\n${fleet.log.join('\n')}`;
      expectTrue(end, fleet, story);
      expect(fleet.mostAtWork, story).toBeLessThanOrEqual(policy.install.strategy === 'waves' ? 2 : 1);
    },
    LONG_MS,
  );
});

/** What the end says of the hosts is so. */
function expectTrue(end: Progress, fleet: FakeFleet, story: string): void {
  expect(['succeeded', 'rolledBack', 'aborted'], `${end.error ?? ''} ${story}`).toContain(end.state);
  const expected = { done: '2.0.0', alreadyThere: '2.0.0', rolledBack: '1.0.0', reverted: '1.0.0', staged: '1.0.0' };
  for (const { name, state } of end.hosts) {
    const version = (expected as Readonly<Record<string, string>>)[state];
    if (version !== undefined) expect(fleet.host(name).installed, `${name} is ${state}: ${story}`).toBe(version);
    if (end.state === 'succeeded') expect(['done', 'skipped', 'alreadyThere'], story).toContain(state);
    if (end.state === 'rolledBack') expect(state, story).not.toBe('done');
  }
}

function choosePolicy(random: Seeded): Partial<Policy> & { readonly install: InstallStrategy } {
  const install = random.pick<InstallStrategy>([
    { strategy: 'serial' },
    { strategy: 'daisy-chain' },
    { strategy: 'waves', sizes: [{ hosts: 1 + random.below(4) }], maxUnavailable: { hosts: 2 } },
  ]);
  return {
    install,
    onFailure: random.pick(['pause', 'skip', 'rollback']),
    maxFailures: { hosts: random.below(3) },
    environmentRetries: 1,
  };
}
