import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, notYet, ready, waitFor, type Look } from './deadline.ts';
import { MARK, isAlive, startDetached, type Detached } from './detached.ts';
import { checkout, type LabPaths } from './paths.ts';
import { lastLines } from './programs.ts';

/** It bundles its workflows first: seconds, more on a busy machine. */
const START_DEADLINE_MS = 90_000;

/** Lines of its log that are shown when it does not start. */
const SHOWN_LINES = 15;

/** What the worker logs once it takes work. */
export const WORKER_STARTED = 'worker started';

/** Starts a worker of this checkout for the lab's fleet, and returns when it takes work. */
export async function startWorker(paths: LabPaths, onStart: (worker: Detached) => Promise<void>): Promise<Detached> {
  const main = join(checkout, 'worker', 'main.ts');
  if (!existsSync(main))
    throw new Error(`there is no worker at ${main}; start the lab without one: refit lab up --no-worker`);
  const before = (await readLog(paths.workerLog)).length;
  const worker = startDetached({
    program: process.execPath,
    args: ['--import', 'tsx', main],
    log: paths.workerLog,
    cwd: checkout,
    env: { REFIT_FLEET: paths.fleetFile, [MARK]: paths.folder },
  });
  await onStart(worker);
  const own = async (): Promise<string> => (await readLog(paths.workerLog)).slice(before);
  const evidence = async (): Promise<string> => lastLines(await own(), SHOWN_LINES);
  const state = await waitFor({ what: 'the worker to take work', deadlineMs: START_DEADLINE_MS, evidence }, async () =>
    lookAtWorker(worker, await own()),
  );
  if (state === 'ended')
    throw new Error(`the worker ended at once; its log ${paths.workerLog} says:\n${await evidence()}`);
  return worker;
}

function lookAtWorker(worker: Detached, log: string): Look<'started' | 'ended'> {
  if (log.includes(WORKER_STARTED)) return ready('started');
  return isAlive(worker) ? notYet('it has not said so yet') : ready('ended');
}

async function readLog(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => (existsSync(file) ? describe(error) : ''));
}
