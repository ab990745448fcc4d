import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker, type WorkflowBundle } from '@temporalio/worker';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { replayAll, type ReplayOptions } from '../../worker/replay/replay.ts';
import { historiesFolder, parseRuns } from '../workflows/record.ts';
import { installRuntime } from '../workflows/world.ts';
import { bundleOther, bundleWaiting, type Waiting } from './waiting/bundle.ts';

const address = inject('temporalAddress');
const taskQueue = `replay-${process.pid}`;
const workflowId = `waiting/${process.pid}`;

let client: Client;
let same: WorkflowBundle;
let other: WorkflowBundle;
let runId = '';

/** A run is open, and its worker gone: a replay needs none. */
beforeAll(async () => {
  installRuntime();
  [same, other] = [await bundleWaiting(), await bundleOther()];
  client = new Client({ connection: await Connection.connect({ address }) });
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({ connection, taskQueue, workflowBundle: same });
  await worker.runUntil(async () => {
    const handle = await client.workflow.start<Waiting>('waiting', { workflowId, taskQueue, args: [] });
    await handle.query('begun');
    runId = handle.firstExecutionRunId;
  });
  await connection.close();
});
afterAll(async () => {
  await client.workflow.getHandle(workflowId).terminate();
  await client.connection.close();
});

const replay = async (changes: Partial<ReplayOptions>) =>
  replayAll({ client, taskQueue, corpus: null, workflowBundle: same, ...changes });

test('a build that would do the same goes through the open runs of its queue', async () => {
  expect(await replay({})).toEqual({ runs: 1, corpus: 0, faults: [] });
});

test('a build that would do something else is found out, with the run and the event named', async () => {
  const { runs, faults } = await replay({ workflowBundle: other });

  expect(runs).toBe(1);
  expect(faults).toEqual([{ workflowId, runId, event: 5, message: expect.stringContaining('TMPRL1100') as string }]);
});

test('another fleet’s runs are none of its own', async () => {
  expect(await replay({ workflowBundle: other, taskQueue: `${taskQueue}-other` })).toMatchObject({
    runs: 0,
    faults: [],
  });
});

type Event = NonNullable<ReturnType<typeof parseRuns>[number]['history']['events']>[number];
const nameOf = (event: Event): string | null | undefined =>
  event.activityTaskScheduledEventAttributes?.activityType?.name;

test('the corpus of the sources is replayed by their workflows, and each of its faults is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'refit-corpus-'));
  const workflowBundle = await bundleWorkflows();
  const text = await readFile(join(historiesFolder, 'container-kept.json'), 'utf8');
  await writeFile(join(folder, 'a.json'), text);
  await writeFile(join(folder, 'b.json'), text.replaceAll('"replaceMember"', '"somethingElse"'));

  const { corpus, faults } = await replay({ taskQueue: `${taskQueue}-none`, corpus: folder, workflowBundle });

  await rm(folder, { recursive: true });
  const runs = parseRuns(text);
  const broken = runs.flatMap(({ workflowId: id, history }) => {
    const scheduled = history.events?.find((event) => nameOf(event) === 'replaceMember');
    return scheduled === undefined ? [] : [{ workflowId: id, event: Number(scheduled.eventId) }];
  });
  expect(corpus).toBe(2 * runs.length);
  expect(broken).toHaveLength(1);
  expect(faults).toMatchObject(broken);
});
