import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { z } from 'zod';
import { notYet, ready, waitFor } from './deadline.ts';

/** A process that outlives the command which started it. The start time tells it from a later one with the same pid. */
export const processSchema = z.object({ pid: z.int().positive(), startedAt: z.string() });

export type Detached = Readonly<z.infer<typeof processSchema>>;

export type Launch = {
  readonly program: string;
  readonly args: readonly string[];
  readonly log: string;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
};

/** Every process of a lab carries its folder here, so that it is found even when the state file is lost. */
export const MARK = 'REFIT_LAB_FOLDER';

/** How long a process may take to end after being asked to, before it is killed. */
const END_DEADLINE_MS = 10_000;

/** How long the kernel may take to remove a killed process. */
const KILL_DEADLINE_MS = 5_000;

/** Starts a program in a session of its own, its output appended to the log. */
export function startDetached(launch: Launch): Detached {
  const log = openSync(launch.log, 'a');
  try {
    const child = spawn(launch.program, [...launch.args], {
      cwd: launch.cwd,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...launch.env },
    });
    child.on('error', () => undefined);
    child.unref();
    if (child.pid === undefined) throw new Error(`${launch.program} could not be started; see ${launch.log}`);
    return { pid: child.pid, startedAt: startOf(child.pid) ?? '' };
  } finally {
    closeSync(log);
  }
}

/** The running command itself. */
export function ownProcess(): Detached {
  return { pid: process.pid, startedAt: startOf(process.pid) ?? '' };
}

export function isAlive(detached: Detached): boolean {
  return startOf(detached.pid) === detached.startedAt;
}

/** Sends a signal to exactly that process, never to a later one that got its pid. */
export function signal(detached: Detached, name: NodeJS.Signals): void {
  if (isAlive(detached)) process.kill(detached.pid, name);
}

/** Asks the process to end, kills it if it doesn't, and returns when it is gone. */
export async function end(detached: Detached, deadlineMs: number = END_DEADLINE_MS): Promise<void> {
  signal(detached, 'SIGCONT');
  signal(detached, 'SIGTERM');
  const gone = await waitUntilGone(detached, deadlineMs).then(
    () => true,
    () => false,
  );
  if (!gone) await kill(detached);
}

export async function kill(detached: Detached): Promise<void> {
  signal(detached, 'SIGKILL');
  await waitUntilGone(detached, KILL_DEADLINE_MS);
}

/** The running processes that carry a lab folder's mark. */
export function findMarked(folder: string): readonly Detached[] {
  const mark = `${MARK}=${folder}`;
  return pids()
    .filter((pid) => readProc(pid, 'environ').split('\0').includes(mark))
    .flatMap((pid) => {
      const startedAt = startOf(pid);
      return startedAt === undefined ? [] : [{ pid, startedAt }];
    });
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot; nothing if it has ended. The name before it may hold spaces. */
export function startTime(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

async function waitUntilGone(detached: Detached, deadlineMs: number): Promise<void> {
  await waitFor({ what: `process ${detached.pid} to end`, deadlineMs }, () =>
    Promise.resolve(isAlive(detached) ? notYet('it is still there') : ready(true)),
  );
}

function startOf(pid: number): string | undefined {
  const stat = readProc(pid, 'stat');
  return stat === '' ? undefined : startTime(stat);
}

function pids(): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid);
}

/** A process may end between two reads: then there is nothing to read. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
