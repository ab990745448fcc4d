import { createMigrationActivities } from '../../activities/create-migrations.ts';
import type { MigrationActivities, MigrationEnd, MigrationInput } from '../../activities/migration-activities.ts';
import { ReleaseCache } from '../../activities/release-cache.ts';
import * as values from '../../drivers/bus-values.ts';
import { busKeys, type MigrationLock } from '../../model/bus.ts';
import type { Job, JobOutcome } from '../../model/engine.ts';
import type { HostId } from '../../model/ids.ts';
import type { Clock } from '../../model/ports.ts';
import type { Release } from '../../model/release.ts';
import { SERVICE_LABEL } from '../../model/service.ts';
import { systemClock } from '../../worker/ports.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { exits } from '../fakes/fake-units.ts';
import { fleet, fleetId, hostIds } from '../fakes/fleet.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { backup, migration, readRelease, releaseRef } from '../fakes/release.ts';
import { at, perform, run, type Performed } from './harness.ts';

type Program = (job: Job) => Promise<JobOutcome> | JobOutcome;

/** Migrations `m1` and `m2` and a backup, beside the database `db` on the first of some hosts in memory. */
export class MigrationHarness {
  readonly hosts: readonly HostId[];
  readonly engines: ReadonlyMap<HostId, FakeEngine>;
  readonly store = new MemoryBus();
  readonly activities: Performed<MigrationActivities>;
  /** What is applied to the database. */
  readonly applied = new Set<string>();
  /** Called at each sleep, whose time passes soon. */
  onSleep: () => void = () => undefined;
  readonly #bus = this.store.connect();

  constructor(count = 2, changes: Partial<Release> = {}) {
    this.hosts = hostIds(count);
    this.engines = new Map(this.hosts.map((host) => [host, new FakeEngine(host)]));
    const release = { migrations: [migration('m1'), migration('m2')], backup, ...changes };
    this.activities = createMigrationActivities({
      ...{ bus: this.#bus, values, clock: this.#clock(), loadFleet: () => fleet(count) },
      engine: (host) => this.engines.get(host) ?? new FakeEngine(host),
      registryAuth: async () => Promise.resolve(null),
      releases: new ReleaseCache({ readRelease: async () => Promise.resolve(readRelease(release)) }),
    });
    this.engine(0).run('db', 'postgres:15', { [SERVICE_LABEL]: 'db' });
    this.program('check', ({ command }) => exits(this.applied.has(nameOf(command)) ? 0 : 1));
    this.program('up', ({ command }) => this.#change('up', nameOf(command)));
    this.program('down', ({ command }) => this.#change('down', nameOf(command)));
    this.program('dump', () => exits(0, 'dumped'));
    this.program('list', () => exits(0, 'TABLE shop'));
  }

  engine(index: number): FakeEngine {
    return this.engines.get(at(this.hosts, index)) ?? new FakeEngine('none');
  }

  /** What a job does, by the first word of its command, on every host. */
  program(word: string, work: Program): void {
    for (const engine of this.engines.values()) engine.programs.set(word, work);
  }

  async migrate(
    changes: Partial<MigrationInput> = {},
    options: Parameters<typeof perform>[2] = {},
  ): Promise<MigrationEnd> {
    return perform(this.activities.runMigration, inputOf(changes), options);
  }

  async backUp(changes: Partial<MigrationInput> = {}): Promise<MigrationEnd> {
    const { name: _name, direction: _direction, ...input } = inputOf(changes);
    return perform(this.activities.runBackup, input);
  }

  /** Jobs that were run, and not only read again, without the checks. */
  ran(): readonly string[] {
    return [...this.engines.values()].flatMap((engine) => engine.ran).filter((name) => !name.includes('check'));
  }

  async lock(): Promise<MigrationLock | null> {
    const entry = await this.#bus.read(busKeys(fleetId).migrationLock);
    const parsed = entry === null ? null : values.parseMigrationLock(entry.value);
    return parsed?.ok === true ? parsed.value : null;
  }

  async writeLock(lock: MigrationLock | string): Promise<void> {
    const value = typeof lock === 'string' ? lock : values.encodeBusValue(lock);
    await this.#bus.write({ conditions: [], puts: [{ key: busKeys(fleetId).migrationLock, value }] });
  }

  async writeEpoch(epoch: number): Promise<void> {
    const value = values.encodeBusValue({ v: 1, epoch, run: 'another', startedAt: 0 });
    await this.#bus.write({ conditions: [], puts: [{ key: busKeys(fleetId).epoch, value }] });
  }

  #change(direction: 'up' | 'down', name: string): JobOutcome {
    if (this.applied.has(name) === (direction === 'up')) return exits(1, `${name}: ${direction} ran twice`);
    if (direction === 'up') this.applied.add(name);
    else this.applied.delete(name);
    return exits(0, `${direction} ${name}`);
  }

  /** Passes only while somebody sleeps: a hundred times as fast, so that others have a turn. */
  #clock(): Clock {
    let now = Date.now();
    return {
      now: () => now,
      sleep: async (ms, signal) => {
        now += ms;
        this.onSleep();
        await systemClock.sleep(ms / 100, signal);
      },
    };
  }
}

export const inputOf = (changes: Partial<MigrationInput> = {}): MigrationInput => ({
  ...{ ...run, epoch: 1, release: releaseRef(), attempt: 1, name: 'm1', direction: 'up' },
  ...changes,
});

/** A program that ends when it is let go. */
export function held(ending: () => JobOutcome): {
  readonly work: () => Promise<JobOutcome>;
  readonly letGo: () => void;
} {
  let letGo = (): void => undefined;
  const isOver = new Promise<void>((resolve) => (letGo = resolve));
  return { work: async () => isOver.then(ending), letGo: () => letGo() };
}

const nameOf = (command: readonly string[] | undefined): string => command?.[1] ?? '';
