import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createContainer } from './container.ts';
import { notYet, ready, waitFor, type Look } from './deadline.ts';
import { docker, tryDocker } from './docker.ts';
import { writeHostConfig } from './host-config.ts';
import { getSecurely, type ClientIdentity } from './http.ts';
import { containerName, type LabPaths } from './paths.ts';
import { hasFullPrivileges, hostPrivileges } from './privileges.ts';
import type { Say } from './programs.ts';
import type { LabHost, LabState } from './state.ts';
import { emulator, machineOptions } from './vm/emulator.ts';
import { GUEST, startMachine } from './vm/machine.ts';
import type { Template } from './vm/template.ts';

/** A host is up a second or two after its start; with many hosts on two cores it takes longer. */
const BOOT_DEADLINE_MS = 120_000;
/** Emulated, the first boot after another takes a minute and a half, and that long again with three beside each other. */
const MACHINE_BOOT_DEADLINE_MS = 420_000;

/** Lines of a host's journal that are shown when it does not come up. */
const JOURNAL_LINES = '15';

/** Ports of a lab host: its engine, etcd, and the daemon of the platform that runs on it. */
const INSIDE = { engine: 2376, etcd: 2379, http: 8080 } as const;

export type HostContext = {
  readonly state: LabState;
  readonly paths: LabPaths;
  readonly image: string;
  /** Of virtual machines; null: hosts are containers. */
  readonly template: Template | null;
  readonly containers: ReadonlyMap<string, string>;
  readonly say: Say;
};

/** Brings one host to the state running, from wherever it is. */
export async function ensureHost(context: HostContext, host: LabHost): Promise<void> {
  const name = containerName(context.state.lab, host.name);
  const now = context.containers.get(name);
  if (now === undefined) await create(context, host);
  if (now === 'paused') await docker(['unpause', name]);
  else if (now !== 'running' && now !== 'restarting') await start(context, host);
  await waitUntilUp(context, host);
}

/** What a host's first process says of the whole host: running, degraded, starting, … */
export async function systemState(inside: readonly string[]): Promise<string> {
  const answer = await tryDocker([...inside, 'systemctl', 'is-system-running']);
  return (answer.stdout.trim() === '' ? answer.stderr.trim() : answer.stdout.trim()) || 'no answer';
}

/** The engine's command line for a command inside a host, up to the command itself. */
export const insideHost = ({ lab, vm }: Pick<LabState, 'lab' | 'vm'>, host: string): readonly string[] => [
  'exec',
  containerName(lab, host),
  ...(vm ? [GUEST] : []),
];

async function create(context: HostContext, host: LabHost): Promise<void> {
  if (context.template !== null) return createMachine(context, host, context.template);
  const { lab } = context.state;
  const cgroup = await docker(['info', '--format', '{{.CgroupVersion}}']);
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const privileges = hostPrivileges(hasFullPrivileges(status), cgroup === '1' ? 1 : 2);
  await createContainer({
    lab,
    folder: context.paths.folder,
    name: host.name,
    alias: host.name,
    address: host.address,
    image: context.image,
    ports: publishedPorts(host),
    volumes: new Map([
      ['docker', '/var/lib/docker'],
      ['containerd', '/var/lib/containerd'],
    ]),
    options: [...privileges, '--tmpfs=/run', '--tmpfs=/run/lock'],
    command: [],
  });
}

function publishedPorts(host: LabHost): ReadonlyMap<number, number> {
  const ports = new Map<number, number>([
    [INSIDE.engine, host.ports.engine],
    [INSIDE.http, host.ports.http],
  ]);
  if (host.ports.etcd !== null) ports.set(INSIDE.etcd, host.ports.etcd);
  return ports;
}

/** The container of an emulator; the host's own disk is its volume. */
async function createMachine(context: HostContext, host: LabHost, template: Template): Promise<void> {
  const { accelerator, image, folder } = template;
  await createContainer({
    lab: context.state.lab,
    folder: context.paths.folder,
    name: host.name,
    alias: host.name,
    address: host.address,
    image,
    ports: publishedPorts(host),
    volumes: new Map([['disk', '/disk']]),
    options: [...machineOptions(accelerator), `--volume=${folder}:/template:ro`],
    command: ['/usr/local/bin/machine', ...emulator(accelerator)],
  });
}

/** The configuration is laid in before each start, so that a start which was cut short is made good. */
async function start(context: HostContext, host: LabHost): Promise<void> {
  const name = containerName(context.state.lab, host.name);
  const folder = await writeHostConfig(context.paths, host, context.state);
  if (context.state.vm) return startMachine({ container: name, host: host.name, config: folder });
  await docker(['cp', `${folder}/.`, `${name}:/`]);
  await docker(['start', name]);
}

async function waitUntilUp(context: HostContext, host: LabHost): Promise<void> {
  const container = containerName(context.state.lab, host.name);
  const inside = insideHost(context.state, host.name);
  const evidence = (): Promise<string> => journal(container, inside);
  const wait = { deadlineMs: context.state.vm ? MACHINE_BOOT_DEADLINE_MS : BOOT_DEADLINE_MS, evidence };
  const state = await waitFor({ ...wait, what: `${host.name} to finish its boot` }, () => lookAtSystem(inside));
  if (state === 'degraded') context.say(`${host.name} is up, but not all of it: ${await failedUnits(inside)}`);
  const identity = await readIdentity(context.paths);
  await waitFor({ ...wait, what: `the engine of ${host.name}` }, () => lookAtEngine(host, identity));
}

async function lookAtSystem(inside: readonly string[]): Promise<Look<string>> {
  const state = await systemState(inside);
  return state === 'running' || state === 'degraded' ? ready(state) : notYet(state);
}

async function lookAtEngine(host: LabHost, identity: ClientIdentity): Promise<Look<true>> {
  const answer = await getSecurely(`https://127.0.0.1:${host.ports.engine}/_ping`, identity);
  return answer.body === 'OK' ? ready(true) : notYet(`status ${answer.status}: ${answer.body}`);
}

async function readIdentity(paths: LabPaths): Promise<ClientIdentity> {
  const read = (name: string): Promise<string> => readFile(join(paths.tlsFolder, name), 'utf8');
  const [ca, cert, key] = await Promise.all([read('ca.pem'), read('client.pem'), read('client-key.pem')]);
  return { ca, cert, key };
}

async function failedUnits(inside: readonly string[]): Promise<string> {
  const units = await tryDocker([...inside, 'systemctl', '--failed', '--plain', '--no-legend']);
  return units.stdout
    .split('\n')
    .map((line) => line.trim().split(/\s/)[0] ?? '')
    .join(', ');
}

async function journal(container: string, inside: readonly string[]): Promise<string> {
  const failed = await failedUnits(inside);
  const lines = await tryDocker([...inside, 'journalctl', '--no-pager', '--lines', JOURNAL_LINES]);
  const boot = await tryDocker(['logs', '--tail', JOURNAL_LINES, container]);
  return [failed === '' ? '' : `failed units: ${failed}`, lines.stdout, boot.stdout, boot.stderr].join('\n');
}
