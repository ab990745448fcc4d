import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureFirstToken } from '../client/api/first-token.ts';
import { notYet, ready, waitFor, type Look } from './deadline.ts';
import { MARK, isAlive, startDetached, type Detached } from './detached.ts';
import { get } from './http.ts';
import { checkout, type LabPaths } from './paths.ts';
import { lastLines } from './programs.ts';
import type { LabState } from './state.ts';

/** It loads its clients and listens: seconds, more on a busy machine. */
const START_DEADLINE_MS = 90_000;

/** Lines of its log that are shown when it does not start. */
const SHOWN_LINES = 15;

/** What an API logs once it answers. */
export const API_STARTED = 'api started';

/** The default of `refit api`, which people know. */
export const API_PORT = 7280;

export type ApiFiles = { readonly config: string; readonly token: string; readonly log: string };

export const apiFiles = ({ folder }: Pick<LabPaths, 'folder'>): ApiFiles => ({
  config: join(folder, 'api', 'api.yaml'),
  token: join(folder, 'api', 'admin.token'),
  log: join(folder, 'api.log'),
});

export const apiUrl = (port: number): string => `http://127.0.0.1:${port}`;

/** Node's arguments for the command line's `api`. */
export const apiArguments = (...argv: readonly string[]): readonly string[] =>
  // tsx by its path: a bare name would be looked for in the working folder, which need not be the checkout.
  [
    '--import',
    pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href,
    join(checkout, 'client', 'cli', 'main.ts'),
    'api',
    ...argv,
  ];

/** Starts an API of this checkout for the lab's fleet, with a first admin's token, and returns when it answers. */
export async function startApi(
  paths: LabPaths,
  port: number,
  onStart: (api: Detached) => Promise<void>,
): Promise<Detached> {
  const files = apiFiles(paths);
  await writeConfig(paths, port);
  await ensureFirstToken({ tokensFile: join(dirname(files.config), 'tokens.json'), tokenFile: files.token });
  const before = (await readLog(files.log)).length;
  const env = { REFIT_FLEET: paths.fleetFile, [MARK]: paths.folder };
  const args = apiArguments('--config', files.config);
  const api = startDetached({ program: process.execPath, args, log: files.log, cwd: checkout, env });
  await onStart(api);
  const own = async (): Promise<string> => (await readLog(files.log)).slice(before);
  const evidence = async (): Promise<string> => lastLines(await own(), SHOWN_LINES);
  const state = await waitFor(
    { what: `the API on ${apiUrl(port)}`, deadlineMs: START_DEADLINE_MS, evidence },
    async () => look(api, await own()),
  );
  if (state === 'ended') throw new Error(`the API ended at once; its log ${files.log} says:\n${await evidence()}`);
  return api;
}

export const isApiAlive = async ({ api }: LabState): Promise<boolean> =>
  api !== null &&
  get(`${apiUrl(api.port)}/healthz`).then(
    ({ body }) => body.includes('"ok"'),
    () => false,
  );

/** Paths are relative to the file's folder. */
async function writeConfig(paths: LabPaths, port: number): Promise<void> {
  const { config } = apiFiles(paths);
  await mkdir(dirname(config), { recursive: true, mode: 0o700 });
  const lines = [
    '# Written by `refit lab up`, removed by `refit lab down`.',
    `listen: 127.0.0.1:${port}`,
    `fleets: [${JSON.stringify(paths.fleetFile)}]`,
    'tokensFile: tokens.json',
    'auditFile: audit.jsonl',
    '',
  ];
  await writeFile(config, lines.join('\n'));
}

function look(api: Detached, log: string): Look<'started' | 'ended'> {
  if (log.includes(API_STARTED)) return ready('started');
  return isAlive(api) ? notYet('it has not said so yet') : ready('ended');
}

const readLog = async (file: string): Promise<string> => (existsSync(file) ? readFile(file, 'utf8') : '');
