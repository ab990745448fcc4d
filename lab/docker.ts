import { attempt, call, type CallOptions, type Outcome } from './programs.ts';
import { FOLDER_LABEL, LAB_LABEL } from './paths.ts';

/** The machine's Docker Engine, spoken to by its own command line tool, which agrees on the API's version by itself. */
export async function docker(args: readonly string[], options: CallOptions = {}): Promise<string> {
  return (await call('docker', args, options)).trim();
}

export async function tryDocker(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
  return attempt('docker', args, options);
}

/** Longest the engine may take to say its version; a stopped one refuses at once. */
const VERSION_DEADLINE_MS = 5_000;

/** The engine's version, or why there is none. */
export async function engineVersion(): Promise<{ readonly version: string } | { readonly problem: string }> {
  const answer = await tryDocker(['version', '--format', '{{.Server.Version}}'], { deadlineMs: VERSION_DEADLINE_MS });
  return answer.exitCode === 0 ? { version: answer.stdout.trim() } : { problem: answer.stderr.trim() };
}

/** State of each container of a lab: `running`, `exited`, … by the container's name. */
export async function labContainers(lab: string): Promise<ReadonlyMap<string, string>> {
  const rows = await labObjects(['ps', '--all'], lab, '{{.Names}} {{.State}}');
  return new Map(rows.map((row) => [row.split(' ')[0] ?? row, row.split(' ')[1] ?? 'unknown']));
}

/** The folders whose lab this is: one, unless a checkout was moved or removed. */
export async function labFolders(lab: string): Promise<readonly string[]> {
  return [...new Set(await labObjects(['ps', '--all'], lab, `{{.Label "${FOLDER_LABEL}"}}`))];
}

export async function labNetworks(lab: string): Promise<readonly string[]> {
  return labObjects(['network', 'ls'], lab, '{{.Name}}');
}

export async function labVolumes(lab: string): Promise<readonly string[]> {
  return labObjects(['volume', 'ls'], lab, '{{.Name}}');
}

async function labObjects(command: readonly string[], lab: string, format: string): Promise<readonly string[]> {
  const text = await docker([...command, '--filter', `label=${LAB_LABEL}=${lab}`, '--format', format]);
  return text.split('\n').filter((line) => line !== '');
}
