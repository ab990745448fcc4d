import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** A process of a test. It ends with the test's process, however that ends: the kernel sees to it. */
export type Part = {
  readonly pid: number;
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>;
  readonly send: (signal: NodeJS.Signals) => void;
  readonly hasEnded: () => boolean;
  /** null while it runs, and after a signal. */
  readonly exitCode: () => number | null;
  /** The end of its output, for messages. */
  readonly tail: () => string;
};

/** Lines of a part's output that a message shows. */
const TAIL_LINES = 15;

export type PartOptions = {
  readonly program: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
};

export function startPart({ program, args, logFile, env = {} }: PartOptions): Part {
  const log = openSync(logFile, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid,
    hasEnded,
    exitCode: () => child.exitCode,
    send: (signal) => void child.kill(signal),
    kill: (signal = 'SIGKILL') => end(child, signal, hasEnded),
    tail: () => readFileSync(logFile, 'utf8').trim().split('\n').slice(-TAIL_LINES).join('\n'),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals, hasEnded: () => boolean): Promise<void> {
  if (hasEnded()) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  // A frozen process takes no signal but this and SIGKILL.
  child.kill('SIGCONT');
  await ended;
}
