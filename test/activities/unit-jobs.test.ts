import { describe, expect, it } from 'vitest';
import type { UnitJobEnd, UnitJobInput } from '../../activities/unit-activities.ts';
import { EngineError, type JobOutcome } from '../../model/engine.ts';
import { parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import { JOB_OUTPUT_LENGTH } from '../../model/unit-upgrade.ts';
import { networkName, type UnitRelease } from '../../model/unit.ts';
import { eventually } from '../eventually.ts';
import { exits } from '../fakes/fake-units.ts';
import { shop, unitJob, unitMigration, unitRelease } from '../model/units.ts';
import { newEnvironment, perform } from './harness.ts';
import { UnitHarness } from './unit-harness.ts';

const ACCOUNT = { file: 'account', to: '/run/account.json', mode: '0400', uid: 0, gid: 0 };

const whole = unitRelease({
  migrations: [
    unitMigration('orders-v2', { check: ['is-there'] }),
    unitMigration('split', { down: null }),
    unitMigration('drop-v1', { when: 'contract' }),
  ],
  accountData: unitJob('account', { files: [ACCOUNT], env: { API: '{api.address}' }, command: ['account', '{slot}'] }),
  tests: [unitJob('smoke')],
});

async function start(unit: Partial<UnitRelease> = {}) {
  const harness = new UnitHarness({ ...whole, ...unit });
  const input = await harness.plan();
  await harness.make(input);
  const { units, activities } = harness;
  const engine = units.engine('host-1');
  const run = async (job: string, changes: Partial<UnitJobInput> = {}): Promise<UnitJobEnd> =>
    perform(activities.runUnitJob, { ...input, job, direction: 'up', attempt: 1, ...changes });
  return { harness, units, input, engine, run };
}

/** A program that ends when it is let go. */
function held(): { readonly work: () => Promise<JobOutcome>; readonly letGo: () => void } {
  let letGo = (): void => undefined;
  const isOver = new Promise<void>((resolve) => (letGo = resolve));
  const work = async (): Promise<JobOutcome> => {
    await isOver;
    return exits(0, 'at last');
  };
  return { work, letGo: () => letGo() };
}

describe('a job', () => {
  it('runs beside its member, in the slot’s network, with its files and its texts filled', async () => {
    const { run, engine } = await start();

    expect(await run('account')).toEqual({ outcome: 'succeeded', exitCode: 0, output: 'it went well' });

    const job = engine.jobs.find(({ name }) => name === 'shop-job-account');
    expect(job).toMatchObject({
      ...{ command: ['account', 'blue'], env: { API: 'host-1.lab:20000' }, networkMode: 'shop-blue', keep: true },
      files: [{ to: '/run/account.json', content: Buffer.from('{"password":"the-account-canary"}') }],
    });
  });

  it('of a shared service runs in the network that both slots share', async () => {
    const { run, engine } = await start();

    await run('split');

    expect(engine.jobs.find(({ name }) => name === 'shop-job-split')?.networkMode).toBe(networkName(shop, 'shared'));
  });

  it('runs once for each attempt, whatever becomes of the answer', async () => {
    const { run, engine, units } = await start();
    units.program('smoke', () => exits(1, 'no answer'));
    engine.failNext('runJob', 'unreachable', 'done');

    await expect(run('smoke')).rejects.toThrow(EngineError);
    const ends = [await run('smoke'), await run('smoke')];

    expect(ends).toEqual(ends.map(() => ({ outcome: 'failed', exitCode: 1, output: 'no answer' })));
    expect(units.ran).toEqual(['smoke']);
  });

  it('runs again for the next attempt, in the place of the one before', async () => {
    const { run, engine, units } = await start();
    await run('smoke');

    await run('smoke', { attempt: 2 });
    await run('smoke', { attempt: 2 });

    expect(units.ran).toEqual(['smoke', 'smoke']);
    expect(engine.containers.all().filter(({ name }) => name === 'shop-job-smoke')).toHaveLength(1);
  });

  it('runs again for the next upgrade of the same release', async () => {
    const { run, input, units } = await start();
    await run('smoke');

    await run('smoke', { ...input, upgrade: parseUpgradeId('lab-2') });

    expect(units.ran).toEqual(['smoke', 'smoke']);
  });

  it('goes on when its attempt is cancelled, and the next attempt waits for the same run', async () => {
    const { harness, input, units, engine } = await start();
    const { work, letGo } = held();
    units.program('smoke', work);
    const asked = { ...input, job: 'smoke', direction: 'up', attempt: 1 } as const;
    const env = newEnvironment();
    const first = perform(harness.activities.runUnitJob, asked, { env });
    await eventually(() => units.ran.length === 1);
    env.cancel('WORKER_SHUTDOWN');
    await expect(first).rejects.toThrow();

    const second = perform(harness.activities.runUnitJob, asked);
    letGo();

    expect(await second).toEqual({ outcome: 'succeeded', exitCode: 0, output: 'at last' });
    expect(units.ran).toEqual(['smoke']);
    expect(engine.containers.find('shop-job-smoke')?.running).toBe(false);
  });

  it('that is killed at its deadline has failed, with the last that it said', async () => {
    const { run, engine } = await start();
    engine.programs.set('smoke', (job) => {
      job.onLine?.('asking /');
      return { outcome: 'failed', kind: 'deadline', message: 'it did not end within 5000 ms' };
    });

    expect(await run('smoke')).toEqual({
      ...{ outcome: 'failed', exitCode: null, output: 'asking /\nit did not end within 5000 ms' },
    });
  });

  it.each(['notFound', 'refused', 'lost', 'conflict'] as const)(
    'that the engine can not run (%s) has failed',
    async (kind) => {
      const { run, units } = await start();
      units.program('smoke', () => ({ outcome: 'failed', kind, message: `it says ${kind}` }));

      expect(await run('smoke')).toEqual({ outcome: 'failed', exitCode: null, output: `it says ${kind}` });
    },
  );

  it('is no failure as long as its engine is away', async () => {
    const { run, units, engine } = await start();
    units.program('smoke', () => ({ outcome: 'failed', kind: 'unreachable', message: 'the engine went away' }));

    await expect(run('smoke')).rejects.toThrow(EngineError);

    engine.down();
    await expect(run('smoke')).rejects.toThrow(EngineError);
  });

  it('that the release does not have, or that has nothing to run beside, is wrong input', async () => {
    const { run } = await start({ tests: [unitJob('smoke'), unitJob('lonely', { beside: parseServiceId('cache') })] });

    for (const job of ['no-such', 'lonely'])
      await expect(run(job)).rejects.toThrow(`has no job ${job}, or none of its members to run beside`);
  });
});

describe('the output of a job', () => {
  it('has no word of the unit’s files in it, however it ends', async () => {
    const { run, units, engine } = await start();
    units.files.set('/secrets/key.pem', 'TOKEN=the-token-canary\nfirst line of the key');
    units.program('smoke', () => exits(1, 'the-account-canary', 'TOKEN is the-token-canary', 'first line of the key'));
    engine.programs.set('account', (job) => {
      job.onLine?.('logging in with the-account-canary');
      return { outcome: 'failed', kind: 'deadline', message: 'the-token-canary did not end' };
    });

    const [smoke, account] = [await run('smoke'), await run('account')];

    expect(smoke.output).toBe('…\nTOKEN is …\n…');
    expect(account.output).toBe('logging in with …\n… did not end');
  });

  it('is as many of its last lines as are kept', async () => {
    const { run, units } = await start();
    units.program('smoke', () => exits(1, 'x'.repeat(JOB_OUTPUT_LENGTH), 'it asked /', 'the reason'));

    expect((await run('smoke')).output).toBe('it asked /\nthe reason');
  });
});

describe('a migration', () => {
  it('whose check says that it is applied is not run', async () => {
    const { run, units } = await start();

    expect(await run('orders-v2')).toMatchObject({ outcome: 'alreadyDone' });

    expect(units.ran).toEqual(['is-there']);
  });

  it('whose check says that it is not is run, once for the attempt', async () => {
    const { run, units } = await start();
    units.program('is-there', () => exits(1));

    await run('orders-v2');

    expect(await run('orders-v2')).toMatchObject({ outcome: 'succeeded' });
    expect(units.ran).toEqual(['is-there', 'orders-v2']);
  });

  it('is taken back by its own command, without its check', async () => {
    const { run, units } = await start();

    await run('orders-v2', { direction: 'down' });

    expect(units.ran).toEqual(['orders-v2-down']);
  });

  it('without a way back has none to be asked for', async () => {
    const { run } = await start();

    await expect(run('split', { direction: 'down' })).rejects.toThrow('migration split has no way back');
  });
});

it.each([
  ['account', 'up', 'accountData'],
  ['smoke', 'up', 'tests'],
  ['split', 'up', 'expand'],
  ['drop-v1', 'up', 'contract'],
  ['orders-v2', 'down', 'return'],
] as const)('a beat of %s %s says the step %s, and where it runs', async (job, direction, unitStep) => {
  const { harness, input, units } = await start();
  const { work, letGo } = held();
  units.program(direction === 'down' ? 'orders-v2-down' : job, work);
  const beats: unknown[] = [];

  const ended = perform(harness.activities.runUnitJob, { ...input, job, direction, attempt: 1 }, { beats });
  await eventually(() => expect(beats.at(-1)).toEqual({ unitStep, detail: `${job} on host-1` }));
  letGo();

  expect(await ended).toMatchObject({ outcome: 'succeeded' });
});
