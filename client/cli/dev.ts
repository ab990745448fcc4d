import type { Command } from 'commander';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { API_STARTED, apiArguments } from '../../lab/api.ts';
import { describe, notYet, ready, waitFor } from '../../lab/deadline.ts';
import { devServerArguments, isWebUiAlive } from '../../lab/dev-server.ts';
import { isFreeOnLoopback, pickPorts } from '../../lab/ports.ts';
import { ensureTemporalCli } from '../../lab/temporal-cli.ts';
import { WORKER_STARTED } from '../../lab/worker.ts';
import type { Fleet } from '../../model/fleet.ts';
import { temporalAccess } from '../../drivers/temporal-access.ts';
import { loadApiConfig } from '../api/config.ts';
import { ensureFirstToken } from '../api/first-token.ts';
import { connectTemporal } from '../connection.ts';
import { openFleet } from './context.ts';
import { CliExit, exitCodes, fail } from './exit.ts';
import { openForeground, type Foreground } from './foreground.ts';
import { outputOf, withExamples, type CommonOptions, type Output } from './output.ts';
import { workerArguments } from './worker-program.ts';

/** Longest until Temporal answers; ms. A third of a second as a rule; a large database after a kill takes longer. */
const TEMPORAL_DEADLINE_MS = 60_000;
/** The Web UI of a dev server is this much above its port, as Temporal's own default is: 7233 and 8233. */
const UI_ABOVE = 1_000;
const LOOPBACK = ['127.0.0.1', 'localhost'];

/** `refit dev`: Temporal, a worker and the API in the foreground, for the fleet of the fleet file. */
export function registerDev(program: Command): void {
  const command = program
    .command('dev')
    .description('run Temporal, a worker and the API in the foreground, for your own fleet; Ctrl-C ends them')
    .action(runDev);
  withExamples(command, 'refit dev', 'refit dev --fleet site-a.yaml');
}

/** `port`: where to start one of our own; null: one answers there already. */
type Temporal = {
  readonly address: string;
  readonly namespace: string;
  readonly ui: string | null;
  readonly port: number | null;
};

async function runDev(options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  const fleet = openFleet();
  const temporal = await findTemporal(fleet);
  const api = await planApi();
  const program = temporal.port === null ? null : await temporalCli(output);
  const foreground = await openForeground((line) => output.say(line));
  try {
    if (program === null) output.say(`temporal at ${temporal.address} answers already and is used`);
    else await startTemporal(foreground, temporal, program);
    if (!foreground.over.aborted) startPrograms(foreground, api, () => announce(output, fleet, { temporal, api }));
    if (!foreground.over.aborted) await once(foreground.over, 'abort');
  } finally {
    await foreground.close();
  }
  if (foreground.over.reason instanceof CliExit) throw foreground.over.reason;
}

/** Only a free port of this machine's gets a server of ours; everywhere else one has to be there. */
async function findTemporal(fleet: Fleet): Promise<Temporal> {
  const { address, namespace } = temporalAccess(fleet);
  const { hostname, port: text } = new URL(`tcp://${address}`);
  const port = Number(text);
  const isHere = LOOPBACK.includes(hostname) && port > 0;
  const named = fleet.temporal?.ui ?? null;
  const own = `http://127.0.0.1:${uiPort(named) ?? port + UI_ABOVE}`;
  if (isHere && (await isFreeOnLoopback(port))) return { address, namespace, ui: own, port };
  const ui = named ?? (isHere ? own : null);
  const temporal = await connectTemporal(fleet);
  await temporal.close();
  return { address, namespace, ui: ui !== null && (await isWebUiAlive(ui, namespace)) ? ui : null, port: null };
}

function uiPort(ui: string | null): number | null {
  const port = ui === null ? '' : new URL(ui).port;
  return port === '' ? null : Number(port);
}

async function temporalCli(output: Output): Promise<string> {
  try {
    return await ensureTemporalCli((line) => output.say(line));
  } catch (error) {
    fail(exitCodes.unreachable, describe(error), { cause: error });
  }
}

/** Returns when it answers, or when there is nothing to wait for any more. */
async function startTemporal(foreground: Foreground, temporal: Temporal, program: string): Promise<void> {
  const { address, namespace, port, ui } = temporal;
  if (port === null || ui === null) return;
  const database = resolve('.refit', 'dev', 'temporal.db');
  await mkdir(dirname(database), { recursive: true });
  const args = devServerArguments({ port, uiPort: Number(new URL(ui).port), database, namespace });
  foreground.start({ name: 'temporal', program, args, endsQuietly: true });
  await waitFor({ what: `temporal at ${address}`, deadlineMs: TEMPORAL_DEADLINE_MS }, async () => {
    const isSettled = foreground.over.aborted || (await isWebUiAlive(ui, namespace));
    return isSettled ? ready(true) : notYet(`its Web UI ${ui} does not answer`);
  }).catch((error: unknown) => fail(exitCodes.unreachable, describe(error), { cause: error }));
}

/** `tokenFile` null: there are admins already, and they have their tokens. */
type PlannedApi = { readonly url: string; readonly address: string; readonly tokenFile: string | null };

/** On the configured port, or another one where that is taken: a lab's API may be there. */
async function planApi(): Promise<PlannedApi> {
  try {
    const { listen, tls, tokensFile } = loadApiConfig();
    const isHere = LOOPBACK.includes(listen.host);
    const port = isHere ? await pickPorts('dev').prefer(listen.port) : listen.port;
    const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
    const tokenFile = await ensureFirstToken({ tokensFile, tokenFile: join(dirname(tokensFile), 'admin.token') });
    const address = `${host}:${port}`;
    return { url: `${tls === null ? 'http' : 'https'}://${address}`, address, tokenFile };
  } catch (error) {
    fail(exitCodes.wrongInput, describe(error), { cause: error });
  }
}

/** `onStart`: all of them are at work. */
function startPrograms(foreground: Foreground, { address }: PlannedApi, onStart: () => void): void {
  const awaited = new Set([WORKER_STARTED, API_STARTED]);
  const onLine = (line: string): void => {
    const started = [...awaited].find((mark) => line.includes(mark));
    if (started !== undefined && awaited.delete(started) && awaited.size === 0) onStart();
  };
  foreground.start({ name: 'worker', program: process.execPath, args: workerArguments(), onLine });
  const args = apiArguments('--listen', address);
  foreground.start({ name: 'api', program: process.execPath, args, onLine });
}

type Started = { readonly temporal: Temporal; readonly api: PlannedApi };

function announce(output: Output, { fleet }: Fleet, { temporal: { address, ui, port }, api }: Started): void {
  const named = process.env['REFIT_FLEET'] ?? '';
  const flag = named === '' ? '' : ` --fleet ${named}`;
  output.say(`fleet ${fleet} has a worker${ui === null ? '' : `; Temporal's Web UI is ${ui}`}`);
  const whose = api.tokenFile === null ? '' : `; the token in ${api.tokenFile} is its first admin's`;
  output.say(`the API is ${api.url}, its page ${api.url}/docs${whose}`);
  output.say(`next, in another shell: refit fleet${flag}, then: refit upgrade REFERENCE${flag}`);
  if (output.json) {
    const { url, tokenFile } = api;
    output.document({ fleet, temporal: { address, ui, started: port !== null }, api: { url, tokenFile } });
  }
}
