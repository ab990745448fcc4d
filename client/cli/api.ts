import type { Command } from 'commander';
import { once } from 'node:events';
import { pino } from 'pino';
import { API_STARTED } from '../../lab/api.ts';
import { DocumentProblems } from '../../drivers/yaml-document.ts';
import { loadApiConfig, type Typed } from '../api/config.ts';
import { serveApi, type ServedApi } from '../api/serve.ts';
import { exitCodes, fail } from './exit.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';

/** Signals on which it ends gracefully; a second one ends it at once. */
const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/** pino's number of standard error: standard output is the command's document's. */
const STDERR = 2;

type ApiOptions = CommonOptions & Typed;

/** `refit api`: the REST API in the foreground. */
export function registerApi(program: Command): void {
  const command = program
    .command('api')
    .description('serve the REST API in the foreground; its page is at /docs, tokens are made with refit token create')
    .option('--config <file>', 'fleets, TLS, OpenID Connect and limits (or REFIT_API_CONFIG)')
    .option('--listen <address>', 'where to listen (or REFIT_API_LISTEN; default 127.0.0.1:7280)')
    .action(runApi);
  withExamples(command, 'refit api', 'refit api --listen 127.0.0.1:8080', 'refit api --config /etc/refit/api.yaml');
}

async function runApi(options: ApiOptions): Promise<void> {
  const log = pino({ level: process.env['REFIT_LOG_LEVEL'] ?? 'info', base: null }, pino.destination(STDERR));
  const api = await serve(options, log);
  const { url, fleets } = api;
  log.info({ url, fleets, pid: process.pid }, API_STARTED);
  if (options.json === true) outputOf(options).document({ url, fleets });
  await firstOf(ENDING);
  log.info('api ends');
  await api.close();
  log.info('api ended');
}

async function serve(options: ApiOptions, log: Parameters<typeof serveApi>[1]): Promise<ServedApi> {
  try {
    return await serveApi(loadApiConfig(options), log);
  } catch (error) {
    if (error instanceof DocumentProblems) fail(exitCodes.wrongInput, error.message, { cause: error });
    throw error;
  }
}

async function firstOf(signals: readonly NodeJS.Signals[]): Promise<void> {
  const ended = new AbortController();
  await Promise.race(signals.map((signal) => once(process, signal, { signal: ended.signal }).catch(() => undefined)));
  // The other listeners go, so that the next signal does what it does by itself.
  ended.abort();
}
