import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { call, findProgram } from '../../lab/programs.ts';
import type { EngineAccess } from '../../model/fleet.ts';
import { eventually } from '../eventually.ts';
import { addBridge, bridgeOf, removeBridge } from './bridge.ts';
import { startPart, type Part } from './process.ts';
import { findPart } from './programs.ts';

/**
 * A real Docker Engine for one test file, with a containerd of its own, so that it comes back after kill -9 with its
 * containers untouched. Images come from loopback registries or `importBusybox`.
 */
export type TestEngine = AsyncDisposable & {
  readonly access: EngineAccess;
  readonly kill: () => Promise<void>;
  readonly stop: () => void;
  readonly cont: () => void;
  readonly start: () => Promise<void>;
  /** Imports a static busybox as an image of that name. */
  readonly importBusybox: (name: string) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Longest until a new or restarted engine answers; ms. */
const READY_MS = 60_000;

/** Followed by the pid of the test's process. */
const FOLDER_PREFIX = 'refit-engine-';

type EngineOptions = {
  readonly liveRestore?: boolean;
  /** Of the networks that are made on it, such as 198.18.0.0/22; engines that make some at the same time need one each. */
  readonly addressPool?: string;
};

export async function startEngine({ liveRestore = true, addressPool }: EngineOptions = {}): Promise<TestEngine> {
  await sweep();
  const folder = await mkdtemp(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
  const socket = join(folder, 'docker.sock');
  const access = { endpoint: `unix://${socket}`, tls: null };
  let containerd: Part | null = null;
  let dockerd: Part | null = null;
  const start = async (): Promise<void> => {
    await addBridge(bridgeOf(folder));
    containerd ??= await startContainerd(folder);
    const started = await startDockerd(folder, { liveRestore, addressPool });
    dockerd = started;
    await eventually(() => ping(socket, started), { withinMs: READY_MS, everyMs: 20 });
  };
  const kill = async (): Promise<void> => dockerd?.kill();
  const close = async (): Promise<void> => {
    await kill();
    await containerd?.kill();
    await endLeftOvers(folder);
    await removeBridge(bridgeOf(folder));
    await rm(folder, { recursive: true, force: true });
  };
  await start().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    access,
    start,
    kill,
    stop: () => dockerd?.send('SIGSTOP'),
    cont: () => dockerd?.send('SIGCONT'),
    importBusybox: (name) => importBusybox(folder, { socket, name }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function startContainerd(folder: string): Promise<Part> {
  const config = join(folder, 'containerd.toml');
  await writeFile(
    config,
    `version = 2
root = "${folder}/containerd-root"
state = "${folder}/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${folder}/containerd.sock"
`,
  );
  const program = await need('containerd');
  const part = startPart({ program, args: ['-c', config], logFile: join(folder, 'containerd.log') });
  await eventually(() => isThere(join(folder, 'containerd.sock'), part), { withinMs: READY_MS, everyMs: 20 });
  return part;
}

/** A network's share of a pool: fourteen addresses, one of them the bridge's. */
const NETWORK_BITS = '28';

async function startDockerd(
  folder: string,
  { liveRestore, addressPool }: { readonly liveRestore: boolean; readonly addressPool: string | undefined },
): Promise<Part> {
  const config = join(folder, 'daemon.json');
  await writeFile(config, '{}');
  await rm(join(folder, 'docker.pid'), { force: true });
  const args = [
    ...['--config-file', config, '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
    ...['--pidfile', join(folder, 'docker.pid'), '--containerd', join(folder, 'containerd.sock')],
    ...['--bridge', bridgeOf(folder), '--iptables=false', '--ip6tables=false', '--ip-forward=false'],
    ...(liveRestore ? ['--live-restore'] : []),
    ...(addressPool === undefined ? [] : ['--default-address-pool', `base=${addressPool},size=${NETWORK_BITS}`]),
    ...['--log-level', 'warn'],
    ...['-H', `unix://${folder}/docker.sock`],
  ];
  return startPart({ program: await need('dockerd'), args, logFile: join(folder, 'dockerd.log') });
}

async function importBusybox(folder: string, image: { readonly socket: string; readonly name: string }): Promise<void> {
  const archive = await busyboxTar(folder);
  const stream = await new Docker({ socketPath: image.socket }).importImage(archive, { repo: image.name });
  // Imported when the stream has ended.
  for await (const _ of stream);
}

/** The smallest tree in which a shell runs. */
export async function busyboxTar(folder: string): Promise<string> {
  const tree = join(folder, 'busybox');
  const archive = join(folder, 'busybox.tar');
  await mkdir(join(tree, 'bin'), { recursive: true });
  for (const name of ['sh', 'busybox']) {
    await copyFile(await findPart('busybox'), join(tree, 'bin', name));
    await chmod(join(tree, 'bin', name), 0o755);
  }
  await call('tar', ['-C', tree, '-cf', archive, '.']);
  return archive;
}

/** A test's process that was killed could not end its containers; the next one does. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(FOLDER_PREFIX) ? Number(name.slice(FOLDER_PREFIX.length).split('-')[0]) : null;
    if (pid === null || existsSync(`/proc/${pid}`)) continue;
    await endLeftOvers(join(tmpdir(), name));
    await removeBridge(bridgeOf(name));
    await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** Containers outlive their engine: what runs out of the folder is ended by its pid, what is mounted there is let go. */
async function endLeftOvers(folder: string): Promise<void> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('containerd-shim') && command.includes(folder)) await endShim(Number(name));
  }
  const mounts = await readFile('/proc/mounts', 'utf8');
  const targets = mounts.split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const target of targets.filter((path) => path.startsWith(`${folder}/`)).reverse()) {
    await call('umount', ['-l', target]).catch(() => undefined);
  }
}

/** The shim's children are the container's processes. */
async function endShim(pid: number): Promise<void> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  for (const child of [...children.trim().split(' ').map(Number), pid]) {
    if (child > 1) killIfThere(child);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

async function ping(socket: string, part: Part): Promise<boolean> {
  if (part.hasEnded()) throw new Error(`dockerd has ended: ${part.tail()}`);
  return String(await new Docker({ socketPath: socket }).ping()) === 'OK';
}

async function isThere(path: string, part: Part): Promise<boolean> {
  if (part.hasEnded()) throw new Error(`containerd has ended: ${part.tail()}`);
  return (await stat(path)).isSocket();
}

async function need(program: 'containerd' | 'dockerd'): Promise<string> {
  const path = await findProgram(program);
  if (path === undefined) throw new Error(`${program} is missing; install Debian's docker.io or run: npm test`);
  return path;
}
