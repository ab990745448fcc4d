import { readFileSync } from 'node:fs';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { completeEnvironment } from '../../drivers/upgrader/environment.ts';
import { markProblem } from '../../drivers/upgrader/mark.ts';

/** Longest that the API may take to say that it is there; ms. The engine asks again soon. */
const ANSWER_MS = 5_000;

/** The engine asks this in the upgrader's container, as whatever the container is; exit code 0: it is well. */
async function main(): Promise<void> {
  const problem = isApi() ? await apiProblem() : markProblem();
  if (problem === null) return;
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}

/** The first process is the one that the container was made for. */
const isApi = (): boolean => readFileSync('/proc/1/cmdline', 'utf8').split('\0').includes('api');

/** Loaded only here, since a worker's check is asked as often and needs none of it. */
async function apiProblem(): Promise<string | null> {
  await completeEnvironment();
  const { loadApiConfig } = await import('../api/config.ts');
  const { listen, tls } = loadApiConfig();
  const host = listen.host === '0.0.0.0' || listen.host === '::' ? 'localhost' : listen.host;
  const options = { host, port: listen.port, path: '/healthz', signal: AbortSignal.timeout(ANSWER_MS) };
  return new Promise((resolve) => {
    const told = ({ statusCode = 0 }: { readonly statusCode?: number | undefined }): void =>
      resolve(statusCode === 200 ? null : `the API answers ${statusCode}`);
    // From itself to itself: whose name the certificate has is for its clients to check.
    const request = tls === null ? getHttp(options, told) : getHttps({ ...options, rejectUnauthorized: false }, told);
    request.on('error', (error) => resolve(`the API does not answer: ${error.message}`));
  });
}

await main();
