import type { MigrationEnd, MigrationInput, MigrationRunInput } from '../../activities/migration-activities.ts';
import { parseHostId } from '../../model/ids.ts';
import type { PlannedMigration } from '../../model/plan.ts';

type Outcome = Extract<MigrationEnd['outcome'], 'broken' | 'failed'>;

/** A database's schema in memory: what is applied to it, and what goes wrong next. */
export class FakeMigrations {
  /** Of each release of the path, by its version. */
  readonly declared = new Map<string, readonly PlannedMigration[]>();
  /** `version name`, in the order in which they were applied. */
  readonly applied: string[] = [];
  /** Digest-like names of the hops that were backed up. */
  readonly backups: string[] = [];
  /** Whether kept containers of jobs are there, by the hop's own upgrade. */
  readonly kept = new Set<string>();
  readonly #failures = new Map<string, Outcome[]>();
  readonly #ended = new Map<string, MigrationEnd>();
  readonly #changed: (event: string) => void;

  constructor(changed: (event: string) => void) {
    this.#changed = changed;
  }

  declare(version: string, ...migrations: readonly Partial<PlannedMigration>[]): void {
    const named = migrations.map((one, index) => ({
      ...{ name: `m${index + 1}`, when: 'expand' as const, hasDown: true, isPointOfNoReturn: false },
      ...one,
    }));
    this.declared.set(version, named);
  }

  /** The next try of it ends so; `name` may be `backup`. Repeated calls queue up. */
  failNext(name: string, direction: 'up' | 'down', outcome: Outcome = 'failed'): void {
    const key = `${name} ${direction}`;
    this.#failures.set(key, [...(this.#failures.get(key) ?? []), outcome]);
  }

  backUp(input: MigrationRunInput): MigrationEnd {
    return this.#once(`backup up ${input.upgrade} ${input.attempt}`, () => {
      const failure = this.#failures.get('backup up')?.shift();
      if (failure !== undefined) return end(failure, 'no room for the backup');
      this.backups.push(input.release.version);
      this.#changed(`backup ${input.release.version}`);
      return end('succeeded', `kept in /var/lib/refit/backups/${input.upgrade}`);
    });
  }

  run(input: MigrationInput): MigrationEnd {
    const key = `${input.release.version} ${input.name}`;
    const isApplied = this.applied.includes(key);
    if (input.direction === 'check') return end(isApplied ? 'alreadyDone' : 'notApplied', '');
    return this.#once(`${key} ${input.direction} ${input.upgrade} ${input.attempt}`, () => this.#change(input, key));
  }

  removeJobs(upgrade: string): number {
    return this.kept.delete(upgrade) ? 1 : 0;
  }

  #change({ name, direction, upgrade }: MigrationInput, key: string): MigrationEnd {
    this.kept.add(upgrade);
    const failure = this.#failures.get(`${name} ${direction}`)?.shift();
    if (failure !== undefined) return end(failure, `${name} ${direction} went wrong on purpose`);
    if (this.applied.includes(key) === (direction === 'up')) return end('alreadyDone', '');
    if (direction === 'up') this.applied.push(key);
    else this.applied.splice(this.applied.indexOf(key), 1);
    this.#changed(`${direction} ${key}`);
    return end('succeeded', `${direction} ${name}`);
  }

  /** The same try again is the same one, whose end is read. */
  #once(key: string, work: () => MigrationEnd): MigrationEnd {
    const ended = this.#ended.get(key) ?? work();
    this.#ended.set(key, ended);
    return ended;
  }
}

const exitCodes = { succeeded: 0, alreadyDone: 0, notApplied: 1, failed: 1, broken: 137 } as const;

const end = (outcome: MigrationEnd['outcome'], output: string): MigrationEnd => ({
  ...{ outcome, output, host: parseHostId('host-1') },
  exitCode: exitCodes[outcome],
});
