import {
  EngineError,
  type ContainerSpec,
  type ContainerState,
  type Job,
  type JobFailure,
  type JobOutcome,
} from '../../model/engine.ts';
import { pause } from '../pause.ts';
import type { EngineConnection } from './connection.ts';
import { create, inspect, remove } from './containers.ts';
import { putFiles } from './files.ts';
import { JobLog } from './job-log.ts';
import { endKept, leftOfKept } from './kept-job.ts';
import { hasCreated } from './memory.ts';

/** How often a job is looked at beside the wait, which may never be answered when an engine dies; ms. */
const LOOK_MS = 1_000;
/** How long an engine may be away, while it restarts say, before the attempt is given up. The job is found again; ms. */
const AWAY_MS = 10_000;
/** Longest a start takes; ms. */
const START_MS = 60_000;
/** What a job may write to the engine's disk. */
const LOG_CONFIG = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '1' } } as const;

/**
 * Runs a container to its end.
 *
 * 1. It is found again by name and labels, whatever state a killed attempt left it in: created, running or ended.
 * 2. The end and the exit code are the engine's answer to an inspect; `wait` only says when to ask.
 * 3. It is removed once its outcome is known, and killed and removed after its deadline. One that is to be kept stays, and
 *    what it answers then is read from it alone: kept-job.ts.
 * 4. When the engine goes away for long, or the caller's signal fires, the job stays for the next attempt.
 */
export async function runJob(connection: EngineConnection, job: Job): Promise<JobOutcome> {
  const begin = performance.now();
  try {
    const host = { LogConfig: LOG_CONFIG };
    const { id, adopted } = await create(connection, { spec: toSpec(job), host, signal: job.signal });
    if (!(await startOnce(connection, job, { id, adopted }))) return forgotten(job);
    const deadline =
      job.keep === true ? performance.now() + (await leftOfKept(connection, job, id)) : begin + job.deadlineMs;
    return await attend(connection, { job, id, deadline });
  } catch (error) {
    job.signal?.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    // An engine that does not answer is away for the caller; the job's own deadline is told apart from it.
    const kind = error.kind === 'deadline' ? 'unreachable' : error.kind;
    return { outcome: 'failed', kind, message: error.message };
  }
}

type Attended = { readonly job: Job; readonly id: string; readonly deadline: number };

async function attend(connection: EngineConnection, { job, id, deadline }: Attended): Promise<JobOutcome> {
  const log = new JobLog(connection, id, job.onLine ?? ((): void => undefined));
  const ending = new AbortController();
  const following = log.follow(ending.signal);
  const ended = await end(connection, { job, id, deadline }).finally(() => {
    ending.abort();
    return following;
  });
  if (job.keep === true && ended !== 'lost') return endKept(connection, { job, id, log });
  if (ended === 'deadline' || ended === 'lost') return giveUp(connection, { job, id }, ended);
  await log.drain();
  await remove(connection, id, { force: true, volumes: true });
  return { outcome: 'exited', exitCode: ended.exitCode, lines: log.lastLines };
}

type Created = { readonly id: string; readonly adopted: boolean };

/** A container that ended is not started again: its work was done. false: whether it was started can't be known. */
async function startOnce(connection: EngineConnection, job: Job, { id, adopted }: Created): Promise<boolean> {
  const { files = [], keep = false, signal } = job;
  const found = await inspect(connection, id, signal);
  if (found?.status !== 'created') return true;
  if (keep && adopted && !(await hasCreated(connection, { id, signal }))) return false;
  // An attempt before this one may have been killed before it wrote them all.
  await putFiles({ connection, container: id, signal }, files);
  const path = `/containers/${id}/start`;
  try {
    await connection.ask({ what: `start ${found.name}`, method: 'POST', path, withinMs: START_MS, signal });
    return true;
  } catch (error) {
    // It can never be started as it is: the next attempt creates it anew.
    if (error instanceof EngineError && error.kind === 'refused')
      await remove(connection, id, { force: true, volumes: true });
    throw error;
  }
}

async function end(
  connection: EngineConnection,
  { job, id, deadline }: Attended,
): Promise<ContainerState | 'deadline' | 'lost'> {
  for (let seenAt = performance.now(); ;) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return 'deadline';
    await waitOrPause(connection, { id, withinMs: Math.min(leftMs, LOOK_MS), signal: job.signal });
    job.signal?.throwIfAborted();
    try {
      const state = await inspect(connection, id, job.signal);
      if (state === null) return 'lost';
      if (state.status === 'exited' || state.status === 'dead') return state;
      seenAt = performance.now();
    } catch (error) {
      job.signal?.throwIfAborted();
      if (performance.now() - seenAt > AWAY_MS) throw error;
    }
  }
}

type Wait = { readonly id: string; readonly withinMs: number; readonly signal: AbortSignal | undefined };

/** Returns early when the container ends; an engine that is away is waited for as long, not asked in a hurry. */
async function waitOrPause(connection: EngineConnection, { id, withinMs, signal }: Wait): Promise<void> {
  const startedAt = performance.now();
  try {
    await connection.ask({ what: `wait for ${id}`, method: 'POST', path: `/containers/${id}/wait`, withinMs, signal });
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind === 'deadline') return;
    const never = new AbortController();
    await pause(withinMs - (performance.now() - startedAt), signal ?? never.signal);
  }
}

async function giveUp(
  connection: EngineConnection,
  { job, id }: Omit<Attended, 'deadline'>,
  kind: Extract<JobFailure, 'deadline' | 'lost'>,
): Promise<JobOutcome> {
  if (kind === 'lost') return { outcome: 'failed', kind, message: `${job.name} was removed by somebody else` };
  await remove(connection, id, { force: true, volumes: true });
  return {
    outcome: 'failed',
    kind,
    message: `${job.name} did not end within ${job.deadlineMs} ms; killed and removed`,
  };
}

/** Run again it might be at work twice. */
const forgotten = ({ name }: Job): JobOutcome => ({
  outcome: 'failed',
  kind: 'lost',
  message: `${name} may have run: the engine was restarted before it had noted its start; see what it did, then try again`,
});

const toSpec = (job: Job): ContainerSpec => ({
  name: job.name,
  image: job.image,
  command: job.command ?? [],
  ...(job.entrypoint === undefined ? {} : { entrypoint: job.entrypoint }),
  env: job.env,
  ports: [],
  volumes: job.binds,
  network: job.networkMode ?? 'default',
  restart: 'no',
  labels: job.labels,
});
