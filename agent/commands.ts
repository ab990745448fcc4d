import { spawn, type ChildProcess } from 'node:child_process';
import type { Command } from '../model/release.ts';

/** What is kept of a command's output for messages: the end, where the reason stands; bytes. */
const TAIL_BYTES = 2_048;
/** Time between a command's end and the end of its output, which a child of its own may hold open; ms. */
const DRAIN_MS = 500;

export type CommandOptions = {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | undefined;
  /** Most bytes of output that are kept; the end of it. */
  readonly keepBytes?: number;
};

export type CommandEnd = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/**
 * Runs a command to its end: no shell, a process group of its own that is killed as a whole, output bounded.
 * Throws when it can't be started, runs out of time or is told to stop; any exit code is an answer.
 */
export async function runCommand(command: Command, options: CommandOptions): Promise<CommandEnd> {
  const [file, ...args] = command;
  if (file === undefined) throw new Error('expected a command, got an empty list');
  options.signal?.throwIfAborted();
  const child = spawn(file, args, {
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', ...options.env },
  });
  // One that ends before it has read it all says why by its end.
  child.stdin?.on('error', () => undefined).end(options.input);
  const keep = options.keepBytes ?? TAIL_BYTES;
  const stdout = collect(child.stdout, keep);
  const stderr = collect(child.stderr, keep);
  const exitCode = await ended(child, command, options);
  return { exitCode, stdout: stdout(), stderr: stderr() };
}

/** Like runCommand, and throws with the end of the output when the exit code is not 0. */
export async function mustRun(command: Command, options: CommandOptions): Promise<CommandEnd> {
  const end = await runCommand(command, options);
  if (end.exitCode !== 0) throw new Error(`${quote(command)} exited with ${end.exitCode}: ${lastWords(end)}`);
  return end;
}

/** The end of what a command said, for messages. */
export const lastWords = (end: CommandEnd): string => {
  const said = end.stderr.trim() || end.stdout.trim();
  return said === '' ? 'it said nothing' : said.slice(-TAIL_BYTES);
};

export const quote = (command: Command): string => command.join(' ').slice(0, 200);

function ended(child: ChildProcess, command: Command, { timeoutMs, signal }: CommandOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      finish();
      killGroup(child);
      reject(new Error(`${quote(command)} ${why}`));
    };
    const stop = (): void => fail('was stopped');
    const timer = setTimeout(() => fail(`did not end within ${Math.round(timeoutMs / 1000)} s`), timeoutMs);
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    };
    signal?.addEventListener('abort', stop);
    child.once('error', (error) => {
      finish();
      reject(new Error(`${quote(command)} could not be started: ${error.message}`, { cause: error }));
    });
    child.once('exit', (code) => {
      finish();
      const drained = setTimeout(() => resolve(code ?? KILLED), DRAIN_MS);
      child.once('close', () => {
        clearTimeout(drained);
        resolve(code ?? KILLED);
      });
    });
  });
}

/** A shell's number for a command that ended by SIGKILL; any other signal is told the same way. */
const KILLED = 137;

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It ended by itself in between.
  }
}

function collect(stream: NodeJS.ReadableStream | null, keepBytes: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    while (size - (chunks[0]?.length ?? 0) >= keepBytes) size -= chunks.shift()?.length ?? 0;
  });
  return () => Buffer.concat(chunks).subarray(-keepBytes).toString('utf8');
}
