import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { doneFile, type Kill } from '../worker/killed-unit/kills.ts';
import { startPart, type Part } from './process.ts';

/** A program of its own, ready to run: it is started dozens of times, and reading its sources takes seconds each. */
export type WorkerProgram = { readonly file: string };

const checkout = join(import.meta.dirname, '../..');

export async function buildKilledWorker(folder: string): Promise<WorkerProgram> {
  const file = join(folder, 'worker.cjs');
  await build({
    entryPoints: [join(checkout, 'test/worker/killed-unit/main.ts')],
    ...{ bundle: true, platform: 'node', format: 'cjs', outfile: file, logLevel: 'silent' },
    // The SDK has native parts.
    packages: 'external',
    // By it the worker finds the sources of the workflows.
    define: { 'import.meta.dirname': JSON.stringify(join(checkout, 'worker')) },
  });
  return { file };
}

/** A worker that is killed where it is planned, and each time started again. */
export type KeptWorker = {
  /** Replaces the plan; of the same kill no second one is done. */
  readonly plan: (kills: readonly Kill[]) => Promise<void>;
  /** Of the plan, what was not done. */
  readonly missed: () => Promise<readonly Kill[]>;
  /** When the kill was done; of `performance.now()`. */
  readonly doneAt: (kill: Kill) => Promise<number>;
  /** Processes of its own that were killed. */
  readonly deaths: () => number;
  /** As the work ends; or throws, if a process ends that was not killed. */
  readonly during: <Result>(work: Promise<Result>) => Promise<Result>;
  readonly close: () => Promise<void>;
};

/** How often a look is had at whether it still runs; ms. */
const LOOK_MS = 50;

export type Keep = { readonly program: WorkerProgram; readonly fleetFile: string; readonly folder: string };

export async function keepWorker({ program, fleetFile, folder }: Keep): Promise<KeptWorker> {
  const killsFile = join(folder, 'kills.json');
  const plan = async (kills: readonly Kill[]): Promise<void> => writeFile(killsFile, JSON.stringify(kills));
  await plan([]);
  let deaths = 0;
  const closing = new AbortController();
  const keep = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const part = startPart({
        ...{ program: process.execPath, args: [program.file, fleetFile, killsFile] },
        logFile: join(folder, 'worker.log'),
        // What is not in it lies in no folder above it.
        env: { NODE_PATH: join(checkout, 'node_modules') },
      });
      await untilEnded(part, closing.signal);
      if (part.exitCode() !== null) throw new Error(`the worker has ended by itself: ${part.tail()}`);
      if (part.hasEnded()) deaths += 1;
      else await part.kill();
    }
  };
  const keeping = keep();
  // It is told to whoever waits, and at the end.
  keeping.catch(() => undefined);
  return {
    plan,
    missed: async () => {
      const kills = JSON.parse(await readFile(killsFile, 'utf8')) as readonly Kill[];
      return kills.filter((kill) => !existsSync(doneFile(killsFile, kill)));
    },
    doneAt: async (kill) => (await stat(doneFile(killsFile, kill))).mtimeMs - performance.timeOrigin,
    deaths: () => deaths,
    during: async (work) => Promise.race([work, keeping.then(async () => work)]),
    close: async () => {
      closing.abort();
      await keeping;
    },
  };
}

async function untilEnded(part: Part, signal: AbortSignal): Promise<void> {
  while (!part.hasEnded() && !signal.aborted) await sleep(LOOK_MS);
}
