import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { behaviours, historiesFolder, parseRuns, type RecordedRun } from './record.ts';
import { installRuntime } from './world.ts';

const names = readdirSync(historiesFolder).map((file) => basename(file, '.json'));

let workflowBundle: WorkflowBundleOption;
beforeAll(async () => {
  installRuntime();
  workflowBundle = await bundleWorkflows();
});

test('every behaviour was recorded', () => {
  expect(names).toEqual(expect.arrayContaining(Object.keys(behaviours)));
});

test.each(names)('the workflows as they are now replay %s', async (name) => {
  const runs = parseRuns(readFileSync(join(historiesFolder, `${name}.json`), 'utf8'));

  expect(await replay(runs)).toEqual([]);
});

test('a history that the workflows would not make is found', async () => {
  const text = readFileSync(join(historiesFolder, 'serial-success.json'), 'utf8');

  const errors = await replay(parseRuns(text.replaceAll('"verifyFleet"', '"somethingElse"')));

  expect(errors).toHaveLength(1);
});

async function replay(runs: readonly RecordedRun[]): Promise<readonly Error[]> {
  const errors: Error[] = [];
  for await (const { error } of Worker.runReplayHistories({ workflowBundle }, runs)) {
    if (error !== undefined) errors.push(error);
  }
  return errors;
}
