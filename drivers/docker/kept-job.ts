import { EngineError, type Job, type JobOutcome } from '../../model/engine.ts';
import { ageOf } from './age.ts';
import type { EngineConnection } from './connection.ts';
import type { JobLog } from './job-log.ts';
import { lookAt, type ContainerLook } from './replacement/look.ts';
import { rest, type Site } from './replacement/site.ts';

/** What a killed process leaves as its code. */
const KILLED = 137;
/** Longest that a container takes to end that was killed; ms. Its disk may be slow to let go. */
const KILL_MS = 30_000;
const LOOK_MS = 100;
/** How far this machine's clock and the engine's come apart: at once, ms, and with time, of it. An NTP client turns a clock by 0.05 %. */
const CLOCK_SLACK_MS = 1_000;
const CLOCK_DRIFT = 0.001;

/*
 * A job that is kept answers the same at every call, also after a call whose answer nobody got.
 *
 * 1. Its deadline counts from its start by the engine's clock, over all calls, so that it is a fact about the container.
 * 2. At the deadline it is killed and stays. A container can't be marked once it is there, but it shows when it began, when it
 *    ended and with which code: killed, and not for its memory, at its deadline or later, is the deadline's doing.
 * 3. Every answer comes from that rule, the first one as well. So a job that ended well a moment before the kill has ended
 *    well, now and later; one that ended late while nobody looked has ended.
 * 4. A clock that was set back meanwhile makes a deadline an exit with 137: still a failure, and still not run again.
 */

/** Until its deadline, which may be past; ms. */
export async function leftOfKept(
  connection: EngineConnection,
  { name, deadlineMs, signal }: Job,
  id: string,
): Promise<number> {
  const look = await lookAt({ connection, container: name, signal }, id);
  return look === null ? deadlineMs : deadlineMs - (await ageOf({ connection, signal }, look.startedAt));
}

type Kept = { readonly job: Job; readonly id: string; readonly log: JobLog };

/** Of one that has ended, or is to. */
export async function endKept(connection: EngineConnection, { job, id, log }: Kept): Promise<JobOutcome> {
  const look = await kill({ connection, container: job.name, signal: job.signal }, id);
  if (look === null) return { outcome: 'failed', kind: 'lost', message: `${job.name} was removed by somebody else` };
  await log.drain();
  if (!isDeadlines(look, job)) return { outcome: 'exited', exitCode: look.exitCode, lines: log.lastLines };
  const message = `${job.name} did not end within ${job.deadlineMs} ms; killed and kept`;
  return { outcome: 'failed', kind: 'deadline', message };
}

/** As it is once it does not run any more; null: it is gone. */
async function kill(site: Site, id: string): Promise<ContainerLook | null> {
  const { connection, container, signal } = site;
  const what = `kill ${container}`;
  const deadline = performance.now() + KILL_MS;
  let isAsked = false;
  while (performance.now() < deadline) {
    const look = await lookAt(site, id);
    if (look?.running !== true) return look;
    const request = { what, method: 'POST', path: `/containers/${id}/kill`, withinMs: KILL_MS, signal } as const;
    if (!isAsked) await connection.ask(request).catch(unlessEnded);
    isAsked = true;
    await rest(site, LOOK_MS);
  }
  throw connection.error('deadline', `it did not end within ${KILL_MS} ms`, what);
}

/** It was faster than the kill: the next look says how it ended. */
function unlessEnded(error: unknown): void {
  if (!(error instanceof EngineError) || (error.kind !== 'conflict' && error.kind !== 'notFound')) throw error;
}

function isDeadlines({ exitCode, outOfMemory, startedAt, finishedAt }: ContainerLook, { deadlineMs }: Job): boolean {
  const ranMs = Date.parse(finishedAt) - Date.parse(startedAt);
  return exitCode === KILLED && !outOfMemory && ranMs >= deadlineMs * (1 - CLOCK_DRIFT) - CLOCK_SLACK_MS;
}
