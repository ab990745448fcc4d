import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../lab/paths.ts';
import { attempt, call, findProgram, isExecutable, type Say } from '../../lab/programs.ts';
import { eventually } from '../eventually.ts';
import { freePort } from './free-ports.ts';
import { startPart } from './process.ts';

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

/** Longest a set of packages may take to arrive; ms. */
const INSTALL_MS = 10 * 60_000;
/** Longest until it answers; ms. It is Python, and loads much. */
const READY_MS = 60_000;
/** Longest one answer may take; ms. */
const ANSWER_MS = 10_000;

const folder = (): string => join(cacheFolder(), `moto-${VERSION}`);
const python = (): string => join(folder(), 'bin/python');

export async function startElbEmulator(region: string): Promise<ElbEmulator> {
  await ensureElbEmulator((line) => void process.stderr.write(`${line}\n`));
  const logs = await mkdtemp(join(tmpdir(), 'refit-moto-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // Its scripts name the folder in which they were made, and that was another one.
  const args = ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)];
  const part = startPart({ program: python(), args, logFile: join(logs, 'log') });
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

/** Makes it once, beside the other caches: by the one test that needs it, so that no other waits for it. */
async function ensureElbEmulator(say: Say): Promise<void> {
  if (await isExecutable(python())) return;
  const interpreter = await ensurePython(say);
  say(`fetching moto ${VERSION} (about 15 s)`);
  await mkdir(dirname(folder()), { recursive: true });
  const scratch = await mkdtemp(join(dirname(folder()), 'new-'));
  try {
    await call(interpreter, ['-m', 'venv', scratch], { deadlineMs: INSTALL_MS });
    const install = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...PACKAGES];
    await call(join(scratch, 'bin/python'), install, { deadlineMs: INSTALL_MS });
    await rename(scratch, folder());
  } catch (error) {
    // Another run of the tests may have been faster.
    if (!(await isExecutable(python()))) throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** One that can make environments of its own; Debian has that in a package apart. */
async function ensurePython(say: Say): Promise<string> {
  const found = await findProgram('python3');
  if (found !== undefined && (await attempt(found, ['-c', 'import ensurepip, venv'])).exitCode === 0) return found;
  if ((await findProgram('apt-get')) === undefined || process.getuid?.() !== 0) {
    throw new Error('the tests need python3 with venv; install python3-venv as root and run this again');
  }
  say('installing python3-venv (about 20 s)');
  const options = { deadlineMs: INSTALL_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await call('apt-get', ['update', '-q'], options);
  await call('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'python3-venv'], options);
  return '/usr/bin/python3';
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
