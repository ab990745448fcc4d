import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { freePort } from './free-ports.ts';
import { startPart } from './process.ts';
import { findPart } from './programs.ts';

/** A real registry for one test file, on loopback, without TLS. */
export type TestRegistry = AsyncDisposable & {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly url: string;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Longest until a new or restarted registry answers; ms. */
const READY_MS = 15_000;

export async function startRegistry(): Promise<TestRegistry> {
  const program = await findPart('docker-registry');
  const folder = await mkdtemp(join(tmpdir(), 'refit-registry-'));
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const config = join(folder, 'config.yml');
  await writeFile(config, configFor(address, folder));
  const launch = { program, args: ['serve', config], logFile: join(folder, 'log') };
  let part = startPart(launch);
  const ready = (): Promise<unknown> =>
    eventually(
      async () => {
        if (part.hasEnded()) throw new Error(`docker-registry has ended: ${part.tail()}`);
        return (await fetch(`${url}/v2/`, { signal: AbortSignal.timeout(2_000) })).ok;
      },
      { withinMs: READY_MS, everyMs: 20 },
    );
  const close = async (): Promise<void> => {
    await part.kill();
    await rm(folder, { recursive: true, force: true });
  };
  await ready().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const start = async (): Promise<void> => {
    part = startPart(launch);
    await ready();
  };
  return { address, url, kill: () => part.kill(), start, close, [Symbol.asyncDispose]: close };
}

const configFor = (address: string, folder: string): string => `version: 0.1
log: { level: error }
storage:
  filesystem: { rootdirectory: "${folder}/data" }
  delete: { enabled: true }
http: { addr: "${address}" }
`;
