import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureAuthority, ensureServerCertificate } from '../../lab/certificates.ts';
import { pickPorts } from '../../lab/ports.ts';
import { ensureTemporalCli } from '../../lab/temporal-cli.ts';
import type { TlsFiles } from '../../model/fleet.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import { eventually } from '../eventually.ts';
import { startPart, type Part } from './process.ts';
import {
  DATABASES,
  dynamicConfig,
  SERVER_PARTS,
  SERVER_PORTS,
  temporalServerConfig,
} from './temporal-server-config.ts';
import { ensureTemporalServer, type TemporalServerPrograms } from './temporal-server-programs.ts';
import { startTokenIssuer, type TokenIssuer } from './token-issuer.ts';

/**
 * A Temporal server as it is for many machines: its own program on PostgreSQL, which takes only clients with a certificate, and
 * lets each of them do in a namespace what its token says.
 */
export type TemporalServer = AsyncDisposable & {
  readonly address: string;
  /** The certificate of its clients. */
  readonly tls: TlsFiles;
  /** Makes the namespace, and a token that may use it and no other; returns the token's file. */
  readonly addNamespace: (namespace: string) => Promise<string>;
  readonly kill: () => Promise<void>;
  /** Starts it again, on the same ports and database. */
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Longest until its parts have found each other and it answers; ms. A second, on an idle machine. */
const READY_MS = 60_000;
/** In its certificate. */
export const SERVER_NAME = 'temporal';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

export async function startTemporalServer(postgresPort: number): Promise<TemporalServer> {
  const programs = await ensureTemporalServer(say);
  const site = await prepare(postgresPort);
  const operate = await operatorOf(site);
  const server = processOf(programs, site, async () => operate(['cluster', 'health']));
  const close = async (): Promise<void> => {
    await Promise.all([server.kill(), site.issuer.close()]);
    await rm(site.folder, { recursive: true, force: true });
  };
  try {
    await makeTables(programs, postgresPort);
    await server.start();
  } catch (error) {
    await close();
    throw error;
  }
  const addNamespace = async (name: string): Promise<string> => {
    await operate(['namespace', 'create', '--namespace', name]);
    const attributes = Object.values(searchAttributes).flatMap((key) => ['--name', key.name, '--type', 'Keyword']);
    await operate(['search-attribute', 'create', '--namespace', name, ...attributes]);
    const token = await site.issuer.issue([`${name}:write`]);
    const file = join(site.folder, `${name}.jwt`);
    await writeFile(file, `${token}\n`, { mode: 0o600 });
    return file;
  };
  return { ...site, ...server, addNamespace, close, [Symbol.asyncDispose]: close };
}

type Site = Pick<TemporalServer, 'address' | 'tls'> & { readonly folder: string; readonly issuer: TokenIssuer };

/** Its certificates and its configuration. */
async function prepare(postgresPort: number): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-temporal-server-'));
  const file = (name: string): string => join(folder, name);
  await ensureAuthority(folder, 'test');
  await ensureServerCertificate(folder, { host: SERVER_NAME, address: '127.0.0.1' });
  const issuer = await startTokenIssuer();
  const ports = await portsOf(SERVER_PORTS);
  const caFile = file('ca.pem');
  const config = temporalServerConfig({
    ...{ postgresPort, ports, keysUrl: issuer.keysUrl, serverName: SERVER_NAME },
    tls: { caFile, certFile: file(`${SERVER_NAME}.pem`), keyFile: file(`${SERVER_NAME}-key.pem`) },
    dynamicConfigFile: file('dynamic.yaml'),
  });
  await writeFile(file('development.yaml'), config);
  await writeFile(file('dynamic.yaml'), dynamicConfig());
  const tls = { caFile, certFile: file('client.pem'), keyFile: file('client-key.pem') };
  return { folder, issuer, tls, address: `127.0.0.1:${ports[0] ?? 0}` };
}

/** The server keeps its ports in its tables, where they are numbers below 32768. */
async function portsOf(count: number): Promise<readonly number[]> {
  const picker = pickPorts(SERVER_NAME);
  const ports: number[] = [];
  while (ports.length < count) ports.push(await picker.next());
  return ports;
}

/** As an operator does it: the programs carry the tables of each of their versions. */
async function makeTables({ sqlTool }: TemporalServerPrograms, port: number): Promise<void> {
  const place = ['--plugin', 'postgres12', '--endpoint', '127.0.0.1', '--port', String(port)];
  const account = ['--user', 'postgres', '--password', 'none'];
  for (const [schema, database] of Object.entries(DATABASES)) {
    const tool = async (...args: readonly string[]): Promise<unknown> =>
      execa(sqlTool, [...place, ...account, '--database', database, ...args]);
    await tool('create-database');
    await tool('setup-schema', '--version', '0.0');
    await tool('update-schema', '--schema-name', `postgresql/v12/${schema}`);
  }
}

/** Temporal's own command line, as somebody who may do everything. */
async function operatorOf({ address, tls, issuer }: Site): Promise<(args: readonly string[]) => Promise<void>> {
  const cli = await ensureTemporalCli(say);
  const files = ['--tls-ca-path', tls.caFile, '--tls-cert-path', tls.certFile, '--tls-key-path', tls.keyFile];
  const token = await issuer.issue(['temporal-system:admin']);
  // Not among the arguments, which everybody on a machine may read.
  const env = { TEMPORAL_API_KEY: token };
  return async (args) => {
    await execa(cli, ['operator', ...args, '--address', address, ...files], { env });
  };
}

function processOf(
  { server }: TemporalServerPrograms,
  { folder }: Site,
  isServing: () => Promise<void>,
): Pick<TemporalServer, 'start' | 'kill'> {
  const parts = SERVER_PARTS.flatMap((part) => ['--service', part]);
  const args = ['--root', folder, '--config', '.', 'start', ...parts];
  let running: Part | null = null;
  return {
    start: async () => {
      const started = startPart({ program: server, args, logFile: join(folder, 'log') });
      running = started;
      const isSettled = async (): Promise<boolean> => started.hasEnded() || isServing().then(() => true);
      await eventually(isSettled, { withinMs: READY_MS, everyMs: 100 });
      if (started.hasEnded()) throw new Error(`the Temporal server has ended: ${started.tail()}`);
    },
    kill: async () => running?.kill(),
  };
}
