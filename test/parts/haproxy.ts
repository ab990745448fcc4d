import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHaproxy } from '../../drivers/haproxy/balancer.ts';
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
  const program = await findPart('haproxy');
  const folder = await mkdtemp(join(tmpdir(), 'refit-haproxy-'));
  const [web = 0, runtime = 0] = await freePorts(2);
  const config = join(folder, 'haproxy.cfg');
  await writeFile(config, configFor({ web, runtime, folder, servers }));
  const env = { LD_LIBRARY_PATH: partLibraries() };
  const part = startPart({ program, args: ['-db', '-f', config], logFile: join(folder, 'log'), env });
  const endpoint = `tcp://127.0.0.1:${runtime}`;
  const close = async (): Promise<void> => {
    await part.kill();
    await rm(folder, { recursive: true, force: true });
  };
  const isReady = async (): Promise<boolean> => {
    if (part.hasEnded()) throw new Error(`haproxy has ended: ${part.tail()}`);
    return (await createHaproxy({ name: 'test', endpoint }).servers('web')).every(
      ({ health }) => health !== 'starting',
    );
  };
  await eventually(isReady, { withinMs: READY_MS, everyMs: 20 }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const sockets = { endpoint, socket: `unix://${folder}/admin.sock`, readOnly: `unix://${folder}/user.sock` };
  return { url: `http://127.0.0.1:${web}`, ...sockets, part, close, [Symbol.asyncDispose]: close };
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
