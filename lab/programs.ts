import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';

/** Everything that the lab calls on the machine ends by then, downloads and builds apart. */
const CALL_DEADLINE_MS = 60_000;

/** Lines of a failed program's output that are shown. */
const SHOWN_LINES = 15;

/** How the lab tells people what it is doing: one line when something starts that takes a while. */
export type Say = (line: string) => void;

export type CallOptions = {
  readonly deadlineMs?: number;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

export type Outcome = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Runs a program and returns its standard output; a failure says what was run and how its output ended. */
export async function call(program: string, args: readonly string[], options: CallOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await attempt(program, args, options);
  if (exitCode === 0) return stdout;
  throw new Error(
    `${program} ${args.slice(0, 3).join(' ')}… ended with ${exitCode}: ${lastLines(`${stdout}\n${stderr}`, SHOWN_LINES)}`,
  );
}

/** The same where a failure is one of the answers. */
export async function attempt(program: string, args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
  const result = await execa(program, args, {
    reject: false,
    timeout: options.deadlineMs ?? CALL_DEADLINE_MS,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const { stdout, stderr } = result;
  if (result.exitCode !== undefined) return { exitCode: result.exitCode, stdout, stderr };
  const why = result.timedOut
    ? 'did not end in time'
    : result.cause instanceof Error
      ? result.cause.message
      : 'was killed';
  return { exitCode: 127, stdout, stderr: `${stderr}\n${program} ${why}` };
}

/** The program's full path, if it is on PATH or in a system folder that an ordinary user's PATH lacks. */
export async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/go/bin'];
  for (const folder of folders) {
    const path = join(folder, name);
    if (folder !== '' && (await isExecutable(path))) return path;
  }
  return undefined;
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

export function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n');
}
