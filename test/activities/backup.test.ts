import { expect, it } from 'vitest';
import { MIGRATION_OUTPUT_LENGTH } from '../../activities/migration-activities.ts';
import { EngineError } from '../../model/engine.ts';
import { exits } from '../fakes/fake-units.ts';
import { MigrationHarness } from './migration-harness.ts';

const FOLDER = '/var/lib/refit/backups/lab-1/1';
const MADE = 'refit-migration-backup';
const VERIFIED = 'refit-verify-backup';

it('a backup is made into a folder of its own, and verified by a container that can’t change it', async () => {
  const harness = new MigrationHarness();

  const end = await harness.backUp();

  const output = `kept on host-1 in ${FOLDER}\nTABLE shop`;
  expect(end).toEqual({ outcome: 'succeeded', host: 'host-1', exitCode: 0, output });
  expect(harness.engine(0).jobs).toMatchObject([
    { name: MADE, command: ['dump', '/backup'], binds: [`${FOLDER}:/backup`], keep: true },
    { name: VERIFIED, command: ['list', '/backup'], binds: [`${FOLDER}:/backup:ro`], keep: true },
  ]);
  expect(await harness.lock()).toBeNull();
});

it('a backup says where it is, however much its verification says', async () => {
  const harness = new MigrationHarness();
  harness.program('list', () =>
    exits(0, ...Array.from({ length: 50 }, (_, row) => `TABLE ${row} of the shop, complete`)),
  );

  const { output } = await harness.backUp();

  expect(output.length).toBeLessThanOrEqual(MIGRATION_OUTPUT_LENGTH);
  expect(output.split('\n')[0]).toBe(`kept on host-1 in ${FOLDER}`);
  expect(output).toContain('TABLE 49');
});

it('a backup that can’t be made has failed, and is not verified', async () => {
  const harness = new MigrationHarness();
  harness.program('dump', () => exits(1, 'no space left on device'));

  expect(await harness.backUp()).toMatchObject({ outcome: 'failed', exitCode: 1, output: 'no space left on device' });

  expect(harness.ran()).toEqual([MADE]);
});

it('a backup that can’t be restored has failed', async () => {
  const harness = new MigrationHarness();
  harness.program('list', () => exits(1, 'unexpected end of file'));

  expect(await harness.backUp()).toMatchObject({ outcome: 'failed', exitCode: 1, output: 'unexpected end of file' });
});

it.each(['dump', 'list'])(
  'a backup whose %s is killed is broken, and the next attempt has a folder of its own',
  async (word) => {
    const harness = new MigrationHarness();
    harness.program(word, () => exits(137));
    const first = await harness.backUp();
    harness.program(word, () => exits(0));

    const second = await harness.backUp({ attempt: 2 });

    expect(first).toMatchObject({ outcome: 'broken', exitCode: null });
    expect(second).toMatchObject({ outcome: 'succeeded' });
    expect(second.output).toContain('/var/lib/refit/backups/lab-1/2');
  },
);

it('an attempt at a backup whose answer was lost is read again', async () => {
  const harness = new MigrationHarness();
  harness.engine(0).failNext('runJob', 'unreachable', 'done');
  await expect(harness.backUp()).rejects.toThrow(EngineError);

  const ends = [await harness.backUp(), await harness.backUp()];

  expect(ends).toMatchObject([{ outcome: 'succeeded' }, { outcome: 'succeeded' }]);
  expect(harness.ran()).toEqual([MADE, VERIFIED]);
});

it('a release without a backup has none to be asked for', async () => {
  await expect(new MigrationHarness(1, { backup: null }).backUp()).rejects.toThrow('sample 2.0.0 has no backup');
});
