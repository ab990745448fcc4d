import { describe, expect, it } from 'vitest';
import type { MigrationEnd, MigrationInput } from '../../activities/migration-activities.ts';
import { exits } from '../fakes/fake-units.ts';
import { FakeMigrations } from '../fakes/fake-migrations.ts';
import { inputOf, MigrationHarness } from './migration-harness.ts';

/** What workflows rely on, of the fake that they are tested with as much as of the real activities. */
type Subject = {
  readonly migrate: (changes: Partial<MigrationInput>) => Promise<MigrationEnd>;
  readonly backUp: (changes: Partial<MigrationInput>) => Promise<MigrationEnd>;
  /** The next try of it goes wrong and changes nothing. */
  readonly failNext: (outcome: 'failed' | 'broken') => void;
};

function real(): Subject {
  const harness = new MigrationHarness();
  const up = harness.engine(0).programs.get('up') ?? ((): never => expect.fail('there is no program'));
  return {
    migrate: async (changes) => harness.migrate(changes),
    backUp: async (changes) => harness.backUp(changes),
    failNext: (outcome) =>
      harness.program('up', () => {
        harness.program('up', up);
        return exits(outcome === 'failed' ? 1 : 137);
      }),
  };
}

function fake(): Subject {
  const migrations = new FakeMigrations(() => undefined);
  return {
    migrate: async (changes) => Promise.resolve(migrations.run(inputOf(changes))),
    backUp: async (changes) => Promise.resolve(migrations.backUp(inputOf(changes))),
    failNext: (outcome) => migrations.failNext('m1', 'up', outcome),
  };
}

describe.each([
  ['real', real],
  ['fake', fake],
] as const)('migrations (%s)', (_kind, start) => {
  it('are applied once and taken back once, and each try answers the same again', async () => {
    const { migrate } = start();
    const tries: readonly Partial<MigrationInput>[] = [
      { direction: 'check' },
      { direction: 'down' },
      { direction: 'up' },
      { direction: 'up' },
      { direction: 'check' },
      { direction: 'up', attempt: 2 },
      { direction: 'down', attempt: 2 },
      { direction: 'down', attempt: 2 },
      { direction: 'check' },
    ];

    const outcomes: string[] = [];
    for (const one of tries) outcomes.push((await migrate(one)).outcome);

    expect(outcomes).toEqual([
      ...['notApplied', 'alreadyDone', 'succeeded', 'succeeded', 'alreadyDone', 'alreadyDone'],
      ...['succeeded', 'succeeded', 'notApplied'],
    ]);
  });

  it.each(['failed', 'broken'] as const)('that are %s answer so until the next try', async (outcome) => {
    const { migrate, failNext } = start();
    failNext(outcome);

    const ends = [await migrate({}), await migrate({}), await migrate({ attempt: 2 })];

    expect(ends.map((end) => end.outcome)).toEqual([outcome, outcome, 'succeeded']);
  });

  it('are backed up once for each attempt, and say where that is kept', async () => {
    const { backUp } = start();

    const ends = [await backUp({}), await backUp({}), await backUp({ attempt: 2 })];

    expect(ends.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    for (const { output } of ends) expect(output).toContain('/var/lib/refit/backups/lab-1');
  });
});
