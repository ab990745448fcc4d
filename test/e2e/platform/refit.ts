import { openLab } from '../../../lab/lab.ts';
import { commandLine } from './command-line.ts';

export const lab = openLab('test');

/** Longest a command of the tests may take; a whole upgrade of four held hosts is far below. */
const COMMAND_TIMEOUT_MS = 240_000;

const { refit, json } = commandLine(lab, COMMAND_TIMEOUT_MS);

export { refit, json as refitJson };

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

export const showUpgrade = async (id: string): Promise<Upgrade> => json<Upgrade>(['upgrades', 'show', id]);

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
