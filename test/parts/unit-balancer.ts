import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { askHaproxy } from '../../drivers/haproxy/runtime-api.ts';
import { slots, type Slot } from '../../model/unit.ts';
import { freePorts } from './free-ports.ts';
import { launch } from './haproxy.ts';

/** A real HAProxy in front of a unit of real containers: a frontend, a map, and a backend for each slot. */
export type UnitBalancer = AsyncDisposable & {
  /** Of the frontend. */
  readonly url: string;
  /** Its runtime API. */
  readonly endpoint: string;
  /** Path of the map's file. */
  readonly map: string;
  readonly kill: () => Promise<void>;
  /** Returns when it answers. */
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** `address`: `host:port`. */
export type Server = { readonly name: string; readonly address: string };

/** Backends are `<unit>-web-{slot}`. */
export async function startUnitBalancer(
  unit: string,
  servers: Readonly<Record<Slot, readonly Server[]>>,
): Promise<UnitBalancer> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-balancer-'));
  const [web = 0, runtime = 0] = await freePorts(2);
  const endpoint = `tcp://127.0.0.1:${runtime}`;
  const map = join(folder, 'units', `${unit}.map`);
  await mkdir(dirname(map));
  await writeFile(map, '');
  const isReady = async (): Promise<boolean> =>
    (await askHaproxy({ name: 'test', endpoint }, 'show info')).includes('Pid:');
  const options = { folder, config: config({ unit, web, runtime, map, servers }), flags: [], isReady };
  let part = await launch(options);
  const close = async (): Promise<void> => {
    await part.kill();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    ...{ url: `http://127.0.0.1:${web}`, endpoint, map, close, [Symbol.asyncDispose]: close },
    kill: () => part.kill(),
    start: async () => void (part = await launch(options)),
  };
}

type Config = {
  readonly unit: string;
  readonly web: number;
  readonly runtime: number;
  readonly map: string;
  readonly servers: Readonly<Record<Slot, readonly Server[]>>;
};

/** Nothing is tried twice: whoever asks sees each request that a server did not take. */
const config = ({ unit, web, runtime, map, servers }: Config): string => `global
  stats socket ipv4@127.0.0.1:${runtime} level admin
defaults
  mode http
  retries 0
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout check 5s
  default-server check inter 300ms fall 3 rise 1
frontend web
  bind 127.0.0.1:${web}
  use_backend ${unit}-web-%[str(active),map(${map},blue)]
${slots.map((slot) => backend(`${unit}-web-${slot}`, servers[slot])).join('')}`;

const backend = (name: string, servers: readonly Server[]): string => `backend ${name}
  option httpchk GET /health
${servers.map((server) => `  server ${server.name} ${server.address}\n`).join('')}`;
