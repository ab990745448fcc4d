import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ensureAuthority,
  ensureClientCertificate,
  ensurePeerCertificate,
  ensureServerCertificate,
} from '../../lab/certificates.ts';
import { get, getSecurely } from '../../lab/http.ts';
import type { TlsFiles } from '../../model/fleet.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from './free-ports.ts';
import { startPart, type Part } from './process.ts';
import { findPart } from './programs.ts';

/** A real etcd for one test file; closed with `await using` or `close()`. */
export type EtcdCluster = AsyncDisposable & {
  readonly endpoints: readonly string[];
  readonly tls: TlsFiles | null;
  readonly members: readonly EtcdMember[];
  /** Of a client that etcd knows by this common name; only where it is secure. */
  readonly identify: (commonName: string) => Promise<TlsFiles>;
  readonly close: () => Promise<void>;
};

export type EtcdMember = {
  readonly name: string;
  readonly url: string;
  readonly kill: () => Promise<void>;
  /** Freezes it: connections are accepted, nothing is answered. */
  readonly stop: () => void;
  readonly cont: () => void;
  readonly start: () => Promise<void>;
  /** Killed, emptied and started again: one that has forgotten everything. Only for a cluster of one. */
  readonly wipe: () => Promise<void>;
};

/** Longest until a new or restarted etcd answers; ms. */
const READY_MS = 60_000;

export type EtcdOptions = {
  readonly members?: number;
  readonly args?: readonly string[];
  /** With certificates on both sides, also between the members; the client's are the cluster's `tls`. */
  readonly isSecure?: boolean;
};

/** The one name that members show each other. A host's certificate is of the same authority, and must not let it in. */
const PEER = 'etcd-peer';

export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  const count = options.members ?? 1;
  const program = await findPart('etcd');
  const folder = await mkdtemp(join(tmpdir(), 'refit-etcd-'));
  const tls = options.isSecure === true ? await makeCertificates(folder) : null;
  const ports = await freePorts(count * 2);
  const scheme = tls === null ? 'http' : 'https';
  const plans = Array.from({ length: count }, (_, index) => ({
    name: `etcd-${index + 1}`,
    url: `${scheme}://127.0.0.1:${ports[index * 2] ?? 0}`,
    peer: `${scheme}://127.0.0.1:${ports[index * 2 + 1] ?? 0}`,
  }));
  const initial = plans.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const args = options.args ?? [];
  const members = plans.map((plan) => createMember({ ...plan, program, folder, initial, args, tls }));
  const close = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.kill()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(members.map((member) => member.start()));
  } catch (error) {
    await close();
    throw error;
  }
  const identify = (commonName: string): Promise<TlsFiles> => makeClient(folder, commonName);
  return { endpoints: plans.map(({ url }) => url), tls, members, identify, close, [Symbol.asyncDispose]: close };
}

async function makeCertificates(folder: string): Promise<TlsFiles> {
  await ensureAuthority(folder, 'test');
  await ensureServerCertificate(folder, { host: 'server', address: '127.0.0.1' });
  await ensurePeerCertificate(folder, { name: PEER, host: PEER, address: '127.0.0.1' });
  return makeClient(folder, 'client');
}

async function makeClient(folder: string, name: string): Promise<TlsFiles> {
  await ensureClientCertificate(folder, { name });
  const file = (suffix: string): string => join(folder, `${name}${suffix}.pem`);
  return { caFile: join(folder, 'ca.pem'), certFile: file(''), keyFile: file('-key') };
}

type MemberPlan = {
  readonly name: string;
  readonly url: string;
  readonly peer: string;
  readonly program: string;
  readonly folder: string;
  readonly initial: string;
  readonly args: readonly string[];
  readonly tls: TlsFiles | null;
};

function createMember(plan: MemberPlan): EtcdMember {
  const dataDir = join(plan.folder, plan.name);
  let part: Part | null = null;
  const start = async (): Promise<void> => {
    const started = startPart({
      program: plan.program,
      args: memberArgs(plan, dataDir),
      logFile: `${dataDir}.log`,
    });
    part = started;
    await eventually(() => isHealthy(plan, started), { withinMs: READY_MS, everyMs: 20 });
  };
  const kill = async (): Promise<void> => part?.kill();
  return {
    name: plan.name,
    url: plan.url,
    start,
    kill,
    stop: () => part?.send('SIGSTOP'),
    cont: () => part?.send('SIGCONT'),
    wipe: async () => {
      await kill();
      await rm(dataDir, { recursive: true, force: true });
      await start();
    },
  };
}

function memberArgs(plan: MemberPlan, dataDir: string): readonly string[] {
  const { name, url, peer, initial, folder, tls, args } = plan;
  return [
    ...['--name', name, '--data-dir', dataDir, '--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', initial],
    ...(tls === null ? [] : secureArgs(folder, tls)),
    ...['--logger', 'zap', '--log-level', 'warn', ...args],
  ];
}

/** As docs/operating.md says: certificates for clients and between members, and no gateway, which would ask with the server's own. */
function secureArgs(folder: string, { caFile }: TlsFiles): readonly string[] {
  const file = (name: string): string => join(folder, name);
  return [
    ...['--client-cert-auth', '--trusted-ca-file', caFile],
    ...['--cert-file', file('server.pem'), '--key-file', file('server-key.pem')],
    ...['--peer-client-cert-auth', '--peer-trusted-ca-file', caFile, '--peer-cert-allowed-cn', PEER],
    ...['--peer-cert-file', file(`${PEER}.pem`), '--peer-key-file', file(`${PEER}-key.pem`)],
    '--enable-grpc-gateway=false',
  ];
}

async function isHealthy({ url, tls }: MemberPlan, part: Part): Promise<boolean> {
  if (part.hasEnded()) throw new Error(`etcd at ${url} has ended: ${part.tail()}`);
  const health = `${url}/health`;
  const answer = tls === null ? await get(health) : await getSecurely(health, await readIdentity(tls));
  return answer.body.includes('"true"');
}

async function readIdentity(
  tls: TlsFiles,
): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
  const read = (file: string): Promise<string> => readFile(file, 'utf8');
  return { ca: await read(tls.caFile), cert: await read(tls.certFile), key: await read(tls.keyFile) };
}
