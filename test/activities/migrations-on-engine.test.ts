import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createMigrationActivities } from '../../activities/create-migrations.ts';
import type { MigrationActivities, MigrationEnd, MigrationInput } from '../../activities/migration-activities.ts';
import { ReleaseCache } from '../../activities/release-cache.ts';
import * as values from '../../drivers/bus-values.ts';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { Engine } from '../../model/engine.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import { BACKUPS_FOLDER, type Migration } from '../../model/migration.ts';
import { SERVICE_LABEL } from '../../model/service.ts';
import { systemClock } from '../../worker/ports.ts';
import { createStarted, get, makeImage } from '../drivers/replacing/images.ts';
import { eventually } from '../eventually.ts';
import { fleet, hostIds } from '../fakes/fleet.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { backup, migration, readRelease } from '../fakes/release.ts';
import { sample } from '../nightly.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';
import { loadPostgres, POSTGRES_PROGRAMS, postgresImage } from '../parts/postgres-image.ts';
import { at, newEnvironment, perform, type Performed } from './harness.ts';
import { inputOf } from './migration-harness.ts';

const host = at(hostIds(1), 0);
const IMAGE = 'postgres:15';
const ROWS = 100_000;
const PSQL = [`${POSTGRES_PROGRAMS}/psql`, '-h', '127.0.0.1', '-U', 'postgres', '-tA', '-v', 'ON_ERROR_STOP=1'];
/** Backups stay on the host, which is this machine: they are told apart by the test's process. */
const upgrade = parseUpgradeId(`test-${process.pid}`);
const another = parseUpgradeId(`test-${process.pid}-another`);
const NS_PER_MS = 1_000_000;
const sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";

const job = { image: IMAGE, timeoutMs: 60_000 };

/** Statements of one transaction, which sleeps in between for as long as the table `knob` says. */
const change = (name: string, sql: string, check: string): Migration =>
  migration(name, {
    ...{ ...job, entrypoint: PSQL, check: ['-c', check], down: null },
    up: [
      ...['begin', sql, 'select pg_sleep(seconds) from knob', `insert into done values ('${name}', clock_timestamp())`],
      'commit',
    ].flatMap((statement) => ['-c', statement]),
  });

const addAmount = {
  ...change(
    'add-amount',
    'alter table shop add amount integer; update shop set amount = id % 100',
    'select amount from shop limit 0',
  ),
  down: ['-c', 'alter table shop drop amount'],
};
const addKind = change('add-kind', 'create table kind (id integer)', 'select id from kind limit 0');

const dump = {
  ...{ ...backup, ...job, entrypoint: ['/bin/sh', '-c'] },
  command: [`${POSTGRES_PROGRAMS}/pg_dump -h 127.0.0.1 -U postgres -Fc -f /backup/shop.dump postgres`],
  verify: [`${POSTGRES_PROGRAMS}/pg_restore --list /backup/shop.dump`],
};

let started: TestEngine;
let engine: Engine;
let connection: EngineConnection;
let bus: MemoryBus;

beforeAll(async () => {
  started = await startEngine();
  engine = createEngine(started.access, host);
  connection = new EngineConnection(started.access, host);
  await makeImage(connection, { base: await loadPostgres(started), name: IMAGE, config: postgresImage });
});
afterAll(async () => {
  await started.close();
  await rm(join(BACKUPS_FOLDER, upgrade), { recursive: true, force: true });
});

beforeEach(async () => {
  bus = new MemoryBus();
  await createStarted(connection, 'db', {
    ...{ Image: IMAGE, Labels: { [SERVICE_LABEL]: 'db' } },
    HostConfig: { RestartPolicy: { Name: 'always' } },
    Healthcheck: {
      Test: ['CMD', `${POSTGRES_PROGRAMS}/pg_isready`, '-q', '-h', '127.0.0.1'],
      ...{ Interval: 500 * NS_PER_MS, Timeout: 5_000 * NS_PER_MS, Retries: 3 },
    },
  });
  await eventually(async () => (await engine.inspectContainer('db'))?.health === 'healthy');
  await sql(
    `create table shop as select generate_series(1, ${ROWS}) id; create table knob as select 0.0 seconds; create table done (name text, at timestamptz)`,
  );
});
afterEach(async () => {
  for (const { id } of await engine.listContainers({})) {
    await engine.removeContainer(id, { force: true, volumes: true });
  }
});

/** What one worker has; the bus outlives it. */
function worker(): Performed<MigrationActivities> {
  const release = { migrations: [addAmount, addKind], backup: dump };
  return createMigrationActivities({
    ...{ bus: bus.connect(), values, clock: systemClock, engine: () => engine, loadFleet: () => fleet(1) },
    registryAuth: async () => Promise.resolve(null),
    releases: new ReleaseCache({ readRelease: async () => Promise.resolve(readRelease(release)) }),
  });
}

const migrate = async (
  changes: Partial<MigrationInput> = {},
  options: Parameters<typeof perform>[2] = {},
): Promise<MigrationEnd> =>
  perform(worker().runMigration, inputOf({ upgrade, name: addAmount.name, ...changes }), options);

/** One value, as psql prints it. */
async function sql(statement: string): Promise<string> {
  const outcome = await engine.runJob({
    ...{ name: 'psql', image: IMAGE, entrypoint: PSQL, command: ['-c', statement], binds: [], env: {} },
    ...{ labels: { 'dev.refit.job': 'psql' }, networkMode: 'container:db', deadlineMs: 60_000 },
  });
  if (outcome.outcome === 'failed') throw new Error(outcome.message);
  if (outcome.exitCode !== 0) throw new Error(outcome.lines.join('\n'));
  return outcome.lines.join('\n');
}

const knob = async (seconds: number): Promise<string> => sql(`update knob set seconds = ${seconds}`);
const isSleeping = async (): Promise<boolean> => (await sql(sleeping)) === '1';
const timesDone = async (name: string): Promise<string> => sql(`select count(*) from done where name = '${name}'`);

const state = z.object({ State: z.object({ Pid: z.int().positive() }) });

/** As a power loss would: its engine did not do it, and starts it again where it is told to. */
async function kill(container: string): Promise<void> {
  const { Pid } = state.parse(await get(connection, `/containers/${container}/json`)).State;
  process.kill(Pid, 'SIGKILL');
}

/** What an ordinary run kills in the middle of a migration. */
const victims = ['database', 'worker and database', 'container', 'worker'] as const;
const killed = sample('kills in the middle of a migration', victims, 2);

test('a table of 100,000 rows is changed, and changed back', async () => {
  const up = await migrate();
  const sum = await sql('select count(amount), sum(amount) from shop');
  const again = await migrate({ attempt: 2 });
  const down = await migrate({ direction: 'down' });
  const left = await migrate({ direction: 'check' });

  expect(up).toMatchObject({ outcome: 'succeeded', host, exitCode: 0 });
  expect(up.output).toContain(`UPDATE ${ROWS}`);
  expect(sum).toBe(`${ROWS}|4950000`);
  expect(again).toMatchObject({ outcome: 'alreadyDone' });
  expect(down).toMatchObject({ outcome: 'succeeded' });
  expect(left).toMatchObject({ outcome: 'notApplied' });
  expect(await sql('select count(*) from shop')).toBe(String(ROWS));
});

test.runIf(killed.includes('database'))(
  'a migration whose database is killed in the middle is broken, and the next attempt applies it once',
  async () => {
    await knob(60);
    const first = migrate();
    await eventually(isSleeping);

    await kill('db');
    const broken = await first;
    await knob(0);
    const second = await migrate({ attempt: 2 });

    expect(broken).toMatchObject({ outcome: 'broken', host });
    expect(second).toMatchObject({ outcome: 'succeeded' });
    expect(await timesDone(addAmount.name)).toBe('1');
    expect(await sql('select count(amount) from shop')).toBe(String(ROWS));
  },
);

test.runIf(killed.includes('worker and database'))(
  'worker and database killed together: what the next worker finds is read, and is not taken for a failure',
  async () => {
    await knob(60);
    const env = newEnvironment();
    const first = migrate({}, { env });
    await eventually(isSleeping);
    env.cancel('WORKER_SHUTDOWN');
    await expect(first).rejects.toThrow();

    await kill('db');
    const read = await migrate();
    await knob(0);
    const next = await migrate({ attempt: 2 });

    expect([read, next]).toMatchObject([{ outcome: 'broken' }, { outcome: 'succeeded' }]);
    expect(await timesDone(addAmount.name)).toBe('1');
  },
);

test.runIf(killed.includes('container'))(
  'a migration whose own container is killed is broken, and the next attempt applies it once',
  async () => {
    await knob(5);
    const first = migrate();
    await eventually(isSleeping);

    await kill('refit-migration-add-amount');
    const broken = await first;
    await knob(0);
    const second = await migrate({ attempt: 2 });

    expect(broken).toMatchObject({ outcome: 'broken', exitCode: null });
    expect(second).toMatchObject({ outcome: 'succeeded' });
    expect(await timesDone(addAmount.name)).toBe('1');
  },
);

test.runIf(killed.includes('worker'))(
  'a worker that goes away in the middle does not stop it, and the next one reads how it ended',
  async () => {
    await knob(3);
    const env = newEnvironment();
    const first = migrate({}, { env });
    await eventually(isSleeping);
    env.cancel('WORKER_SHUTDOWN');
    await expect(first).rejects.toThrow();
    const before = await engine.inspectContainer('refit-migration-add-amount');

    const ends = [await migrate(), await migrate()];

    expect(ends).toMatchObject([{ outcome: 'succeeded' }, { outcome: 'succeeded' }]);
    expect((await engine.inspectContainer('refit-migration-add-amount'))?.id).toBe(before?.id);
    expect(await timesDone(addAmount.name)).toBe('1');
  },
);

test('a statement that is wrong has failed, with the database’s own words', async () => {
  await sql('create view kind as select 1');

  expect(await migrate({ name: addKind.name })).toMatchObject({
    ...{ outcome: 'failed', exitCode: 1 },
    output: expect.stringContaining('relation "kind" already exists') as unknown,
  });
});

test('migrations of two upgrades never run side by side', async () => {
  await knob(2);

  const ends = await Promise.all([migrate(), migrate({ upgrade: another, name: addKind.name })]);

  expect(ends).toMatchObject([{ outcome: 'succeeded' }, { outcome: 'succeeded' }]);
  // Each sleeps before it notes its end.
  expect(await sql("select max(at) - min(at) > interval '2 s' from done")).toBe('t');
});

test('a backup is verified and stays on its host, and its containers go with the migrations’', async () => {
  const { runBackup, removeMigrationJobs } = worker();
  const { fleet: name, epoch, release } = inputOf();
  const input = { fleet: name, epoch, release, upgrade };

  const end = await perform(runBackup, { ...input, attempt: 1 });
  const again = await perform(runBackup, { ...input, attempt: 1 });
  await migrate();
  const removed = await perform(removeMigrationJobs, input);

  expect(end).toMatchObject({ outcome: 'succeeded', host, exitCode: 0 });
  expect(end.output).toContain(`kept on host-1 in ${BACKUPS_FOLDER}/${upgrade}/1`);
  expect(end.output).toContain('TABLE DATA public shop postgres');
  expect(again).toEqual(end);
  expect(await readdir(join(BACKUPS_FOLDER, upgrade, '1'))).toEqual(['shop.dump']);
  expect(removed).toEqual({ removed: 3 });
  expect((await engine.listContainers({})).map((container) => container.name)).toEqual(['db']);
});
