import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createHaproxy } from '../../drivers/haproxy/balancer.ts';
import { askHaproxy } from '../../drivers/haproxy/runtime-api.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from './free-ports.ts';
import { startPart, type Part } from './process.ts';
import { findPart, partLibraries } from './programs.ts';

/** A real HAProxy for one test file: its frontend leads to the backend `web`, the backend `empty` has no server. */
export type TestHaproxy = AsyncDisposable & {
  /** Of the frontend. */
  readonly url: string;
  /** Its runtime API: on loopback, and as a socket in a folder. */
  readonly endpoint: string;
  readonly socket: string;
  /** The same, at a level that may look but change nothing. */
  readonly readOnly: string;
  readonly part: Part;
  readonly close: () => Promise<void>;
};

/** Longest until it answers; ms. */
const READY_MS = 15_000;

/** `servers`: lines of the backend `web`, such as `server a 127.0.0.1:8080 check`. */
export async function startHaproxy(servers: readonly string[]): Promise<TestHaproxy> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-haproxy-'));
  const [web = 0, runtime = 0] = await freePorts(2);
  const endpoint = `tcp://127.0.0.1:${runtime}`;
  const config = configFor({ web, runtime, folder, servers });
  const part = await launch({ folder, config, flags: [], isReady: () => isChecked(endpoint, ['web']) });
  const close = async (): Promise<void> => {
    await part.kill();
    await rm(folder, { recursive: true, force: true });
  };
  const sockets = { endpoint, socket: `unix://${folder}/admin.sock`, readOnly: `unix://${folder}/user.sock` };
  return { url: `http://127.0.0.1:${web}`, ...sockets, part, close, [Symbol.asyncDispose]: close };
}

/** A real HAProxy that switches a unit: frontends `web` in HTTP mode and `api` in TCP mode, a backend a slot, and a map. */
export type UnitHaproxy = AsyncDisposable & {
  readonly urls: Readonly<Record<'web' | 'api', string>>;
  readonly endpoint: string;
  /** The same, at a level that may look but change nothing. */
  readonly readOnly: string;
  /** Backends are `shop-web-{slot}` and `shop-api-{slot}`, with one server each: `host-1-shop-{slot}-{service}-1`. */
  readonly map: string;
  /** Its configuration and its map are read anew, by the same process; new ones take the connections when it returns. */
  readonly reload: () => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** `ports`: of loopback, at which the slots' servers are. */
export async function startUnitHaproxy(ports: Readonly<Record<'blue' | 'green', number>>): Promise<UnitHaproxy> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-haproxy-'));
  const [web = 0, api = 0, runtime = 0] = await freePorts(3);
  const endpoint = `tcp://127.0.0.1:${runtime}`;
  const map = join(folder, 'units', 'shop.map');
  await mkdir(dirname(map));
  await writeFile(map, '');
  const backends = ['web', 'api'].flatMap((service) => [`shop-${service}-blue`, `shop-${service}-green`]);
  const options = {
    folder,
    config: unitConfig({ runtime, folder, map, ports, listen: { web, api } }),
    // With a first process that starts another one to reload, as service managers have it.
    flags: ['-W'],
    isReady: () => isChecked(endpoint, backends),
  };
  let part = await launch(options);
  const kill = async (): Promise<void> => {
    await part.kill();
    // Its worker sees that its first process is gone, and ends.
    await eventually(async () => (await pidOf(endpoint).catch(() => null)) === null);
  };
  const reload = async (): Promise<void> => {
    const before = await pidOf(endpoint);
    part.send('SIGUSR2');
    await eventually(async () => (await pidOf(endpoint)) !== before && (await options.isReady()));
  };
  const close = async (): Promise<void> => {
    await part.kill();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    ...{ urls: { web: `http://127.0.0.1:${web}`, api: `http://127.0.0.1:${api}` }, endpoint, map, reload, kill },
    readOnly: `unix://${folder}/user.sock`,
    start: async () => void (part = await launch(options)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

export type Launch = {
  readonly folder: string;
  readonly config: string;
  readonly flags: readonly string[];
  readonly isReady: () => Promise<boolean>;
};

/** Returns when it is ready; ends it and throws when it is not in time. */
export async function launch({ folder, config, flags, isReady }: Launch): Promise<Part> {
  const program = await findPart('haproxy');
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, config);
  const env = { LD_LIBRARY_PATH: partLibraries() };
  const part = startPart({ program, args: [...flags, '-db', '-f', file], logFile: join(folder, 'log'), env });
  const check = async (): Promise<boolean> => {
    if (part.hasEnded()) throw new Error(`haproxy has ended: ${part.tail()}`);
    return isReady();
  };
  await eventually(check, { withinMs: READY_MS, everyMs: 20 }).catch(async (error: unknown) => {
    await part.kill();
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  return part;
}

/** Every server was looked at. */
async function isChecked(endpoint: string, backends: readonly string[]): Promise<boolean> {
  const balancer = createHaproxy({ name: 'test', endpoint });
  const servers = await Promise.all(backends.map((backend) => balancer.servers(backend)));
  return servers.flat().every(({ health }) => health !== 'starting');
}

/** Of the process that answers now. */
async function pidOf(endpoint: string): Promise<string> {
  const answer = await askHaproxy({ name: 'test', endpoint }, 'show info');
  return /^Pid: (\d+)$/m.exec(answer)?.[1] ?? '';
}

const configFor = (to: {
  readonly web: number;
  readonly runtime: number;
  readonly folder: string;
  readonly servers: readonly string[];
}): string => `global
  stats socket ipv4@127.0.0.1:${to.runtime} level admin
  stats socket ${to.folder}/admin.sock level admin
  stats socket ${to.folder}/user.sock level user
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend web
  bind 127.0.0.1:${to.web}
  default_backend web
backend web
  balance roundrobin
  option httpchk GET /health
  default-server inter 100ms fall 2 rise 2
${to.servers.map((line) => `  ${line}\n`).join('')}backend empty
`;

const unitConfig = (to: {
  readonly runtime: number;
  readonly folder: string;
  readonly map: string;
  readonly ports: Readonly<Record<'blue' | 'green', number>>;
  readonly listen: Readonly<Record<'web' | 'api', number>>;
}): string => `global
  stats socket ipv4@127.0.0.1:${to.runtime} level admin
  stats socket ${to.folder}/user.sock level user
  hard-stop-after 5s
defaults
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout check 3s
  default-server check inter 100ms fall 2 rise 2
${unitFrontend({ service: 'web', mode: 'http' }, to)}${unitFrontend({ service: 'api', mode: 'tcp' }, to)}`;

const unitFrontend = (
  { service, mode }: { readonly service: 'web' | 'api'; readonly mode: 'http' | 'tcp' },
  { map, ports, listen }: Parameters<typeof unitConfig>[0],
): string => `frontend ${service}
  mode ${mode}
  bind 127.0.0.1:${listen[service]}
  use_backend shop-${service}-%[str(active),map(${map},blue)]
${(['blue', 'green'] as const)
  .map(
    (slot) => `backend shop-${service}-${slot}
  mode ${mode}
  option httpchk GET /health
  server host-1-shop-${slot}-${service}-1 127.0.0.1:${ports[slot]}
`,
  )
  .join('')}`;
