import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram, type Say } from '../../lab/programs.ts';
import { CliExit, exitCodes } from './exit.ts';

/** Longest that a program may take to end once it is asked to; ms. A worker is given 15 s for what it is at. */
const END_DEADLINE_MS = 20_000;
/** Signals that end the command and its programs. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A program of the command, and what its lines are marked with. */
export type Launch = {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly onLine?: (line: string) => void;
  /** Not heard any more once it is asked to end: all that it says then is that it ends. */
  readonly endsQuietly?: boolean;
};

/** Programs that run beside the command and end with it. */
export interface Foreground {
  start(launch: Launch): void;
  /** Aborted once: by a signal, or with a CliExit that names the program which ended by itself. */
  readonly over: AbortSignal;
  /** Ends them, the latest first, and returns when none is left. */
  close(): Promise<void>;
}

type Running = { readonly child: ChildProcess; readonly gone: Promise<string>; readonly asked: AbortController };

/** Lines go to `say` as `name | line`. A second signal doesn't wait for anybody. */
export async function openForeground(say: Say): Promise<Foreground> {
  const setpriv = await findProgram('setpriv');
  const over = new AbortController();
  const running: Running[] = [];
  const onSignal = (signal: NodeJS.Signals): void => {
    if (over.signal.aborted) for (const { child } of running) child.kill('SIGKILL');
    else over.abort(signal);
  };
  for (const signal of ENDING) process.on(signal, onSignal);
  return {
    over: over.signal,
    start: (launch) => {
      const one = run(launch, setpriv, say);
      running.push(one);
      void one.gone.then((how) => {
        const text = `${launch.name} ended (${how}); its last lines are above`;
        if (!over.signal.aborted) over.abort(new CliExit(exitCodes.unreachable, text));
      });
    },
    close: async () => {
      // Else an ending that was asked for would be taken for one that nobody wanted.
      over.abort();
      for (const one of running.toReversed()) await end(one);
      for (const signal of ENDING) process.off(signal, onSignal);
    },
  };
}

function run({ name, program, args, onLine, endsQuietly }: Launch, setpriv: string | undefined, say: Say): Running {
  // The kernel ends it with this process, even if that is killed. Where there is no setpriv, signals alone do.
  const guard = setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'TERM'];
  const [first = program, ...rest] = [...guard, program, ...args];
  // A group of its own: the terminal's Ctrl-C comes here only, and they end one after another.
  const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const asked = new AbortController();
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      if (line === '' || (endsQuietly === true && asked.signal.aborted)) return;
      say(`${name} | ${line}`);
      onLine?.(line);
    });
  }
  const gone = new Promise<string>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) => done(code === null ? String(signal) : `exit code ${code}`));
  });
  return { child, gone, asked };
}

async function end({ child, gone, asked }: Running): Promise<void> {
  asked.abort();
  child.kill('SIGTERM');
  // A suspended one takes no signal but this and SIGKILL.
  child.kill('SIGCONT');
  const waited = new AbortController();
  const late = sleep(END_DEADLINE_MS, 'late', { signal: waited.signal }).catch(() => 'ended');
  if ((await Promise.race([gone, late])) === 'late') child.kill('SIGKILL');
  waited.abort();
  await gone;
}
