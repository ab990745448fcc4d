import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe } from './deadline.ts';
import { cacheFolder } from './paths.ts';
import { call, findProgram, isExecutable, type Say } from './programs.ts';
import { CLI_VERSION, buildTemporal } from './temporal-build.ts';

const DOWNLOADS = 'https://temporal.download/cli/archive';

/** Longest the 40 MB archive may take; where the site is not reached, the name fails at once. */
const DOWNLOAD_DEADLINE_MS = 5 * 60_000;

/** Temporal's command line tool, which carries its dev server: what the operator names, what is on PATH, the cache, else fetched once. */
export async function ensureTemporalCli(say: Say): Promise<string> {
  const found = await findTemporalCli();
  if (found !== undefined) return found;
  const cached = cachedCli();
  const scratch = await makeScratch(cached);
  try {
    await rename(await fetchCli(scratch, say), cached);
    return cached;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The tool without the fetching; nothing if it is not on this machine. */
export async function findTemporalCli(): Promise<string | undefined> {
  const named = process.env['REFIT_TEMPORAL_CLI'];
  if (named !== undefined && named !== '') return named;
  const onPath = await findProgram('temporal');
  if (onPath !== undefined) return onPath;
  return (await isExecutable(cachedCli())) ? cachedCli() : undefined;
}

/** Where the tool is kept once it was fetched or built. */
export const cachedCli = (): string => join(cacheFolder(), `temporal-${CLI_VERSION}`, 'temporal');

/** Fetches Temporal's own archive and unpacks the program. */
export async function downloadCli(folder: string, base: string): Promise<string> {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const url = `${base}/v${CLI_VERSION}?platform=${process.platform}&arch=${architecture}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_DEADLINE_MS) });
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
  const archive = join(folder, 'temporal.tar.gz');
  await pipeline(Readable.fromWeb(response.body), createWriteStream(archive));
  await call('tar', ['-xzf', archive, '-C', folder, 'temporal']);
  return join(folder, 'temporal');
}

async function fetchCli(scratch: string, say: Say): Promise<string> {
  say(`fetching Temporal ${CLI_VERSION}`);
  try {
    return await downloadCli(scratch, DOWNLOADS);
  } catch (error) {
    return buildCli(scratch, say, error);
  }
}

async function buildCli(scratch: string, say: Say, refusal: unknown): Promise<string> {
  say('building Temporal from its source, since its archive is not reached (about 3 minutes, once)');
  try {
    await buildTemporal(scratch, ['temporal'], say);
    return join(scratch, 'temporal');
  } catch (error) {
    const advice = 'install the temporal command line tool, or name it in REFIT_TEMPORAL_CLI';
    throw new Error(`Temporal could be neither fetched (${describe(refusal)}) nor built; ${advice}`, { cause: error });
  }
}

/** Beside the final place, so that the finished program moves there in one step. */
async function makeScratch(cached: string): Promise<string> {
  await mkdir(dirname(cached), { recursive: true });
  return mkdtemp(join(dirname(cached), 'new-'));
}
