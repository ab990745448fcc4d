import { join } from 'node:path';
import { execa } from 'execa';
import { openLab } from '../../../lab/lab.ts';

export const lab = openLab('test');

/** Longest a command of the tests may take; a whole upgrade of four held hosts is far below. */
const COMMAND_TIMEOUT_MS = 240_000;

export type Answer = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Runs the command line as an operator would, against the test lab. */
export async function refit(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const program = join(import.meta.dirname, '../../../bin/refit.mjs');
  const result = await execa(process.execPath, [program, ...args], {
    env: { REFIT_FLEET: lab.paths.fleetFile, REFIT_LAB: lab.name, ...env },
    reject: false,
    timeout: COMMAND_TIMEOUT_MS,
    stdin: 'ignore',
  });
  return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}

/** The JSON document that a command answers with; fails with everything it said when the exit code is another. */
export async function refitJson<Document>(args: readonly string[], exitCode = 0): Promise<Document> {
  const answer = await refit([...args, '--json']);
  if (answer.exitCode !== exitCode) {
    const said = [answer.stdout, answer.stderr].join('\n');
    throw new Error(`refit ${args.join(' ')}: expected exit code ${exitCode}, got ${answer.exitCode}\n${said}`);
  }
  return JSON.parse(answer.stdout) as Document;
}

export type Upgrade = {
  readonly id: string;
  readonly state: string;
  readonly phase: string;
  readonly release: string;
  readonly error: string | null;
  readonly waiting: readonly { readonly what: string; readonly host: string | null; readonly movedOnBy: string }[];
  readonly findings: readonly { readonly host: string | null; readonly severity: string; readonly what: string }[];
  readonly hosts: readonly {
    readonly name: string;
    readonly state: string;
    readonly from: string | null;
    readonly to: string | null;
    readonly error?: string;
    readonly startedAt: string | null;
    readonly finishedAt: string | null;
  }[];
};

export const showUpgrade = async (id: string): Promise<Upgrade> => refitJson<Upgrade>(['upgrades', 'show', id]);

/** A file on a host that holds or breaks a step. */
export async function put(host: string, file: string): Promise<void> {
  await onHost(host, ['sh', '-c', `mkdir -p "$(dirname ${file})" && touch ${file}`]);
}

export async function removeFile(host: string, file: string): Promise<void> {
  await onHost(host, ['rm', '-f', file]);
}

/** Output of a command on a host; fails when the command does. */
export async function onHost(host: string, argv: readonly string[]): Promise<string> {
  const result = await lab.exec(host, argv);
  if (result.exitCode !== 0) throw new Error(`${argv.join(' ')} on ${host}: ${result.stderr || result.stdout}`);
  return result.stdout.trim();
}
