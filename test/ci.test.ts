import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { root } from './tidy/source.ts';

/** How npm's commands end, as lines of a shell's `case`; what is not there ends well. */
type Ends = Readonly<Record<string, string>>;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-ci-'));
  await mkdir(join(folder, '.ci'));
  await copyFile(join(root, '.ci/run'), join(folder, '.ci/run'));
});
afterEach(() => rm(folder, { recursive: true }));

const GREEN = 'echo "12 passed, 0 failed" > "$REFIT_COUNT_FILE"';

test('tests and checks that pass are added up', async () => {
  expect(await run({ test: GREEN })).toEqual({ last: '14 passed, 0 failed', exitCode: 0 });
});

test('failures of tests and checks are added up', async () => {
  const red = 'echo "12 passed, 3 failed" > "$REFIT_COUNT_FILE"; exit 1';

  expect(await run({ test: red, 'run lint': 'exit 1' })).toEqual({ last: '13 passed, 4 failed', exitCode: 1 });
});

test('a run that ends badly has failed although all of its tests passed', async () => {
  expect(await run({ test: `${GREEN}; exit 1` })).toEqual({ last: '14 passed, 1 failed', exitCode: 1 });
});

test('when tests are killed before they count anything, the unit tests are still run, and the verdict is red', async () => {
  expect(await run({ test: 'kill -9 $$', 'vitest run --project unit': GREEN })).toEqual({
    last: '14 passed, 1 failed',
    exitCode: 1,
  });
});

test('without dependencies nothing is run, and the verdict is red', async () => {
  expect(await run({ ci: 'exit 1', test: GREEN })).toEqual({ last: '0 passed, 1 failed', exitCode: 1 });
});

test('tests that were not counted are no success', async () => {
  expect(await run({ 'vitest run --project unit': 'exit 1' })).toEqual({ last: '2 passed, 1 failed', exitCode: 1 });
});

test('samples and schedules are the same in each run', async () => {
  const seeds = 'echo "$REFIT_FIRST_SEED passed, $REFIT_SAMPLE_SEED failed" > "$REFIT_COUNT_FILE"';

  const [first, second] = [await run({ test: seeds }), await run({ test: seeds })];

  expect(first.last).toMatch(/^\d{6,} passed, \d{6,} failed$/);
  expect(second).toEqual(first);
});

/** Runs CI's script where npm and npx are scripts that end as told. */
async function run(ends: Ends): Promise<{ readonly last: string; readonly exitCode: number | undefined }> {
  const cases = Object.entries(ends).map(([words, script]) => `"${words} "*) ${script} ;;`);
  const program = ['#!/bin/bash', 'case "$* " in', ...cases, 'esac', ''].join('\n');
  for (const name of ['npm', 'npx']) {
    await writeFile(join(folder, name), program);
    await chmod(join(folder, name), 0o755);
  }
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  const { stdout, exitCode } = await execa(join(folder, '.ci/run'), { env, reject: false });
  return { last: stdout.split('\n').at(-1) ?? '', exitCode };
}
