import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureAuthority, ensureServerCertificate } from '../../lab/certificates.ts';
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
  /** With certificates on both sides; the client's are the cluster's `tls`. */
  readonly isSecure?: boolean;
};

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
    peer: `http://127.0.0.1:${ports[index * 2 + 1] ?? 0}`,
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
  return { endpoints: plans.map(({ url }) => url), tls, members, close, [Symbol.asyncDispose]: close };
}

async function makeCertificates(folder: string): Promise<TlsFiles> {
  await ensureAuthority(folder, 'test');
  await ensureServerCertificate(folder, { host: 'server', address: '127.0.0.1' });
  const file = (name: string): string => join(folder, name);
  return { caFile: file('ca.pem'), certFile: file('client.pem'), keyFile: file('client-key.pem') };
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
    ...(tls === null ? [] : ['--client-cert-auth', '--trusted-ca-file', tls.caFile]),
    ...(tls === null ? [] : ['--cert-file', join(folder, 'server.pem'), '--key-file', join(folder, 'server-key.pem')]),
    ...['--logger', 'zap', '--log-level', 'warn', ...args],
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
