import { describe, expect, it } from 'vitest';
import { MIGRATION_OUTPUT_LENGTH, type MigrationInput } from '../../activities/migration-activities.ts';
import { EngineError } from '../../model/engine.ts';
import { hopUpgradeId } from '../../model/ids.ts';
import { SERVICE_LABEL } from '../../model/service.ts';
import { eventually } from '../eventually.ts';
import { exits } from '../fakes/fake-units.ts';
import { migration } from '../fakes/release.ts';
import { newEnvironment, perform, upgradeId } from './harness.ts';
import { held, inputOf, MigrationHarness } from './migration-harness.ts';

const JOB = 'refit-migration-m1';
const DOWN = { direction: 'down' } as const satisfies Partial<MigrationInput>;
const CHECK = { direction: 'check' } as const satisfies Partial<MigrationInput>;

describe('a migration that is applied', () => {
  it('runs beside the first member, in its network, and stays to be read', async () => {
    const harness = new MigrationHarness();
    const db = harness.engine(0).containers.find('db');

    const end = await harness.migrate();

    expect(end).toEqual({ outcome: 'succeeded', host: 'host-1', exitCode: 0, output: 'up m1' });
    expect(harness.engine(0).jobs.find(({ name }) => name === JOB)).toMatchObject({
      ...{ command: ['up', 'm1'], networkMode: `container:${db?.id ?? ''}`, keep: true, deadlineMs: 1_000 },
      labels: { 'dev.refit.upgrade': 'lab-1', 'dev.refit.migration': 'm1', 'dev.refit.attempt': 'up-1' },
    });
    expect(harness.engine(0).containers.find(JOB)?.running).toBe(false);
    expect(await harness.lock()).toBeNull();
  });

  it('is not run when its check says that it is applied', async () => {
    const harness = new MigrationHarness();
    harness.applied.add('m1');

    expect(await harness.migrate()).toMatchObject({ outcome: 'alreadyDone', exitCode: 0 });

    expect(harness.ran()).toEqual([]);
  });

  it('has succeeded when its check says so, whatever it ended with', async () => {
    const harness = new MigrationHarness();
    harness.program('up', () => {
      harness.applied.add('m1');
      return exits(137, 'committed');
    });

    expect(await harness.migrate()).toMatchObject({ outcome: 'succeeded', exitCode: null, output: 'committed' });
  });

  it('says in its heartbeats what it is at', async () => {
    const harness = new MigrationHarness();
    const { work, letGo } = held(() => exits(1));
    harness.program('up', work);
    const beats: unknown[] = [];

    const ended = harness.migrate({}, { beats });
    await eventually(() => expect(beats.at(-1)).toEqual({ detail: 'm1: up-1 on host-1' }));
    letGo();

    expect(await ended).toMatchObject({ outcome: 'failed' });
  });
});

describe('an attempt', () => {
  it('whose answer was lost is read again, and not run again', async () => {
    const harness = new MigrationHarness();
    const engine = harness.engine(0);
    harness.program('check', () => {
      // Of what comes after the check, which is the job.
      if (!harness.applied.has('m1')) engine.failNext('runJob', 'unreachable', 'done');
      return exits(harness.applied.has('m1') ? 0 : 1);
    });

    await expect(harness.migrate()).rejects.toThrow(EngineError);
    const ends = [await harness.migrate(), await harness.migrate()];

    expect(ends).toEqual(ends.map(() => expect.objectContaining({ outcome: 'succeeded', output: 'up m1' }) as unknown));
    expect(harness.ran()).toEqual([JOB]);
  });

  it('goes on without a worker, and the next worker waits for the same run', async () => {
    const harness = new MigrationHarness();
    const { work, letGo } = held(() => exits(1, 'at last'));
    harness.program('up', work);
    const env = newEnvironment();
    const first = harness.migrate({}, { env });
    await eventually(() => harness.ran().length === 1);
    env.cancel('WORKER_SHUTDOWN');
    await expect(first).rejects.toThrow();

    const second = harness.migrate();
    letGo();

    expect(await second).toMatchObject({ outcome: 'failed', exitCode: 1, output: 'at last' });
    expect(harness.ran()).toEqual([JOB]);
  });

  it('is found where it was begun, although another member is the first one now', async () => {
    const harness = new MigrationHarness();
    harness.engine(1).run('db', 'postgres:15', { [SERVICE_LABEL]: 'db' });
    harness.engine(0).containers.end('db', 1);
    const first = await harness.migrate();
    await harness.engine(0).startContainer('db');

    const second = await harness.migrate();

    expect(first).toMatchObject({ outcome: 'succeeded', host: 'host-2' });
    expect(second).toEqual(first);
    expect(harness.ran()).toEqual([JOB]);
  });

  it('is not begun elsewhere while the host that has the lock for it is away', async () => {
    const harness = new MigrationHarness();
    harness.engine(1).run('db', 'postgres:15', { [SERVICE_LABEL]: 'db' });
    const { work, letGo } = held(() => exits(1));
    harness.program('up', work);
    const env = newEnvironment();
    const first = harness.migrate({}, { env });
    await eventually(() => harness.ran().length === 1);
    env.cancel('WORKER_SHUTDOWN');
    await expect(first).rejects.toThrow();
    harness.engine(0).down();

    await expect(harness.migrate()).rejects.toThrow('host host-1: no Docker Engine answers');

    letGo();
    expect(harness.ran()).toEqual([JOB]);
  });

  it('of the next number runs again, in the place of the one before', async () => {
    const harness = new MigrationHarness();
    harness.program('up', () => exits(1, 'no'));
    await harness.migrate();

    await harness.migrate({ attempt: 2 });

    expect(harness.ran()).toEqual([JOB, JOB]);
    expect(harness.engine(0).containers.find(JOB)?.labels).toMatchObject({ 'dev.refit.attempt': 'up-2' });
  });
});

describe('a migration that is not applied', () => {
  it('has failed when it ended by itself', async () => {
    const harness = new MigrationHarness();
    harness.program('up', () => exits(3, 'no such column'));

    const end = await harness.migrate();

    expect(end).toEqual({ outcome: 'failed', host: 'host-1', exitCode: 3, output: 'no such column' });
    expect(await harness.lock()).toBeNull();
  });

  it('has failed when it ended well, and says what contradicts it', async () => {
    const harness = new MigrationHarness();
    harness.program('up', () => exits(0, 'done'));

    expect(await harness.migrate()).toMatchObject({
      ...{ outcome: 'failed', exitCode: 0 },
      output: 'done\nit ended well, and its check says that it is not applied',
    });
  });

  it('has failed when it was killed at its timeout: the next one would be as well', async () => {
    const harness = new MigrationHarness();
    harness.program('up', (job) => {
      job.onLine?.('row 1');
      return { outcome: 'failed', kind: 'deadline', message: 'it did not end within 1000 ms' };
    });

    expect(await harness.migrate()).toMatchObject({
      ...{ outcome: 'failed', exitCode: null, output: 'row 1\nit did not end within 1000 ms' },
    });
  });

  it.each([
    ['was killed', exits(137, 'row 1')],
    ['was told to end', exits(143, 'row 1')],
    ['was removed', { outcome: 'failed', kind: 'lost', message: 'row 1' } as const],
  ])('is broken when it %s, and the next attempt applies it', async (_how, outcome) => {
    const harness = new MigrationHarness();
    const [, up] = [...harness.engine(0).programs].find(([word]) => word === 'up') ?? [];
    harness.program('up', () => outcome);

    const first = await harness.migrate();
    if (up !== undefined) harness.program('up', up);
    const second = await harness.migrate({ attempt: 2 });

    expect(first).toEqual({ outcome: 'broken', host: 'host-1', exitCode: null, output: 'row 1' });
    expect(second).toMatchObject({ outcome: 'succeeded' });
  });

  it('is broken when its member went away under it and does not come back', async () => {
    const harness = new MigrationHarness();
    harness.program('up', () => {
      harness.engine(0).containers.end('db', 137);
      return exits(2, 'server closed the connection unexpectedly');
    });

    expect(await harness.migrate()).toMatchObject({
      ...{ outcome: 'broken', exitCode: 2 },
      output:
        'server closed the connection unexpectedly\n' +
        'whether it is applied is not known: no container of service db runs on host-1',
    });
    expect(await harness.lock()).toBeNull();
  });

  it('tells as much of its end as is kept', async () => {
    const harness = new MigrationHarness();
    harness.program('up', () => exits(1, 'x'.repeat(MIGRATION_OUTPUT_LENGTH), 'the reason'));

    expect((await harness.migrate()).output).toBe('the reason');
  });
});

describe('a check', () => {
  it('by itself says whether the migration is applied, and runs nothing', async () => {
    const harness = new MigrationHarness();

    const before = await harness.migrate(CHECK);
    harness.applied.add('m1');
    const after = await harness.migrate(CHECK);

    expect(before).toMatchObject({ outcome: 'notApplied', exitCode: 1, host: 'host-1' });
    expect(after).toMatchObject({ outcome: 'alreadyDone', exitCode: 0 });
    expect(harness.ran()).toEqual([]);
  });

  it('that says no while its member is not well is asked again', async () => {
    const harness = new MigrationHarness();
    harness.applied.add('m1');
    let isAway = true;
    harness.engine(0).containers.sicken('db', 'it reads its log');
    harness.program('check', () => exits(isAway ? 2 : 0));
    harness.onSleep = () => {
      isAway = false;
      harness.engine(0).containers.sicken('db', null);
    };

    expect(await harness.migrate()).toMatchObject({ outcome: 'alreadyDone' });

    expect(harness.ran()).toEqual([]);
  });

  it('that is killed is asked again', async () => {
    const harness = new MigrationHarness();
    const answers = [exits(137), exits(0)];
    harness.program('check', () => answers.shift() ?? exits(0));

    expect(await harness.migrate(CHECK)).toMatchObject({ outcome: 'alreadyDone' });
  });

  it('that nobody can answer runs nothing: it is broken, or tried again', async () => {
    const harness = new MigrationHarness();
    harness.engine(0).containers.end('db', 1);

    const end = await harness.migrate();

    expect(end).toMatchObject({ outcome: 'broken', exitCode: null });
    expect(end.output).toContain('it was not run');
    await expect(harness.migrate(CHECK)).rejects.toThrow(
      "the check of migration m1 can't be asked on host-1: no container of service db runs on host-1",
    );
    expect(harness.ran()).toEqual([]);
  });
});

describe('the way back', () => {
  it('is not run where nothing is applied', async () => {
    const harness = new MigrationHarness();

    expect(await harness.migrate(DOWN)).toMatchObject({ outcome: 'alreadyDone' });

    expect(harness.ran()).toEqual([]);
  });

  it('has succeeded when the check says no', async () => {
    const harness = new MigrationHarness();
    await harness.migrate();

    expect(await harness.migrate(DOWN)).toMatchObject({ outcome: 'succeeded', output: 'down m1' });

    expect([...harness.applied]).toEqual([]);
  });

  it('has failed when the check still says yes', async () => {
    const harness = new MigrationHarness();
    await harness.migrate();
    harness.program('down', () => exits(0));

    expect(await harness.migrate(DOWN)).toMatchObject({
      ...{ outcome: 'failed', output: 'it ended well, and its check says that it is still applied' },
    });
  });

  it('that a migration does not have is wrong input', async () => {
    const harness = new MigrationHarness(1, { migrations: [migration('m1', { down: null })] });

    await expect(harness.migrate(DOWN)).rejects.toThrow('migration m1 has no way back');
  });
});

describe('the place of a migration', () => {
  it('is the first host, in the order of the fleet file, on which a member runs', async () => {
    const harness = new MigrationHarness(3);
    for (const index of [1, 2]) harness.engine(index).run('db', 'postgres:15', { [SERVICE_LABEL]: 'db' });
    harness.engine(0).containers.end('db', 1);

    expect(await harness.migrate()).toMatchObject({ outcome: 'succeeded', host: 'host-2' });
  });

  it('that does not exist is wrong input, and named', async () => {
    const harness = new MigrationHarness();
    harness.engine(0).containers.remove(harness.engine(0).containers.find('db')?.id ?? '');

    await expect(harness.migrate()).rejects.toThrow(
      'no host of fleet lab has a container of service db (dev.refit.service=db)',
    );
  });

  it('may be on a host that is away: that is tried again', async () => {
    const harness = new MigrationHarness();
    harness.engine(0).down();

    await expect(harness.migrate()).rejects.toThrow("host host-1: its members of db can't be seen");
  });

  it('gets the image that is missing there', async () => {
    const harness = new MigrationHarness();
    const { image } = migration('m1');

    await harness.migrate();
    await harness.migrate({ attempt: 2 });

    expect(harness.engine(0).pulls.map(({ reference }) => reference)).toEqual([image]);
  });

  it.each([
    ['notFound', 'WrongInput'],
    ['unreachable', undefined],
  ] as const)('has no image (%s): wrong input, or tried again', async (kind, type) => {
    const harness = new MigrationHarness();
    harness.engine(0).failNextPull(kind);

    const failure: unknown = await harness.migrate().catch((error: unknown) => error);

    expect(failure).toMatchObject({ message: expect.stringContaining(`host host-1: image`) as unknown });
    expect((failure as { type?: string }).type).toBe(type);
  });

  it('is asked for a migration that the release does not have: wrong input', async () => {
    await expect(new MigrationHarness().migrate({ name: 'no-such' })).rejects.toThrow(
      'sample 2.0.0 has no migration no-such',
    );
  });
});

describe('the containers of a hop', () => {
  it('go at its end, but for another hop’s, and those of a host that is away', async () => {
    const harness = new MigrationHarness(3);
    harness.engine(1).run('db', 'postgres:15', { [SERVICE_LABEL]: 'db' });
    await harness.migrate();
    await harness.backUp();
    await harness.migrate({ name: 'm2', upgrade: hopUpgradeId(upgradeId, 1) });
    harness.engine(1).down();
    const { fleet, epoch, release, upgrade } = inputOf();

    const first = await perform(harness.activities.removeMigrationJobs, { fleet, epoch, release, upgrade });

    expect(first).toEqual({ removed: 3 });
    expect(
      harness
        .engine(0)
        .containers.all()
        .map(({ name }) => name),
    ).toEqual(['db', 'refit-migration-m2']);
  });
});
