import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { freePort } from './free-ports.ts';
import { startPart } from './process.ts';
import { ensurePackages } from './python-packages.ts';

/** An emulator of AWS's API in memory, on loopback: moto, from Python's package index. */
export type ElbEmulator = AsyncDisposable & {
  readonly url: string;
  /** It forgets everything that was made. */
  readonly reset: () => Promise<void>;
  /** Two subnets of its default network, and that network. */
  readonly network: () => Promise<{ readonly id: string; readonly subnets: string[] }>;
  /** Makes another network, and gives its id. */
  readonly makeNetwork: () => Promise<string>;
  readonly close: () => Promise<void>;
};

const VERSION = '5.2.5';
/** What its server needs besides. */
const PACKAGES = [`moto==${VERSION}`, 'flask==3.1.3', 'flask-cors==6.0.5'];

/** Longest until it answers; ms. It is Python, and loads much. */
const READY_MS = 60_000;
/** Longest one answer may take; ms. */
const ANSWER_MS = 10_000;

export async function startElbEmulator(region: string): Promise<ElbEmulator> {
  const python = await ensurePackages({ name: `moto-${VERSION}`, packages: PACKAGES }, (line) => {
    process.stderr.write(`${line}\n`);
  });
  const logs = await mkdtemp(join(tmpdir(), 'refit-moto-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)];
  const part = startPart({ program: python, args, logFile: join(logs, 'log') });
  const close = async (): Promise<void> => {
    await part.kill();
    await rm(logs, { recursive: true, force: true });
  };
  const isReady = async (): Promise<boolean> => {
    if (part.hasEnded()) throw new Error(`moto has ended: ${part.tail()}`);
    return (await fetch(`${url}/moto-api/`, { signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  };
  await eventually(isReady, { withinMs: READY_MS, everyMs: 50 }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    url,
    reset: async () => {
      await ask(`${url}/moto-api/reset`, {});
    },
    network: () => readNetwork(url, region),
    makeNetwork: async () => {
      const text = await askNetworks(url, region, { Action: 'CreateVpc', CidrBlock: '10.9.0.0/16' });
      return /<vpcId>([^<]+)/.exec(text)?.[1] ?? '';
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function readNetwork(url: string, region: string): ReturnType<ElbEmulator['network']> {
  const text = await askNetworks(url, region, { Action: 'DescribeSubnets' });
  const subnets = [...text.matchAll(/<subnetId>([^<]+)/g)].map(([, id = '']) => id).slice(0, 2);
  const [, id = ''] = /<vpcId>([^<]+)/.exec(text) ?? [];
  if (subnets.length < 2) throw new Error(`expected two subnets, got: ${text}`);
  return { id, subnets };
}

/** The client of this API is not among refit's dependencies; two questions do not need it. */
async function askNetworks(url: string, region: string, question: Readonly<Record<string, string>>): Promise<string> {
  const scope = `Credential=x/20260101/${region}/ec2/aws4_request`;
  return ask(url, {
    headers: { authorization: `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=x` },
    body: new URLSearchParams({ Version: '2016-11-15', ...question }),
  });
}

async function ask(url: string, init: RequestInit): Promise<string> {
  const answer = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(ANSWER_MS), ...init });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
}
