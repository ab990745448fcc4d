import { readFile } from 'node:fs/promises';
import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import type { EtcdHealth } from '../activities/ports.ts';
import type { Fleet, TlsFiles } from '../model/fleet.ts';

/** Longest that a member may take to say how it is; ms. A healthy one needs one round trip to its peers. */
const HEALTH_MS = 3_000;
/** An answer is some 20 bytes. */
const MAX_ANSWER_BYTES = 4_096;

/** Asks every member that the fleet file names. */
export async function askEtcdHealth(
  { endpoints, tls }: Pick<Fleet['etcd'], 'endpoints' | 'tls'>,
  signal: AbortSignal,
): Promise<EtcdHealth> {
  const answers = await Promise.all(
    endpoints.map(async (endpoint) => {
      const isHealthy = await isMemberHealthy(endpoint, tls, signal).catch(() => false);
      return isHealthy ? [] : [endpoint];
    }),
  );
  signal.throwIfAborted();
  return { members: endpoints.length, unhealthy: answers.flat() };
}

async function isMemberHealthy(endpoint: string, tls: TlsFiles | null, signal: AbortSignal): Promise<boolean> {
  const url = new URL('/health', endpoint);
  const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(HEALTH_MS)]) };
  const files = tls === null || url.protocol !== 'https:' ? {} : await readTls(tls);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request =
      url.protocol === 'https:' ? getHttps(url, { ...options, ...files }, resolve) : getHttp(url, options, resolve);
    request.on('error', reject);
  });
  return /"health"\s*:\s*"?true/.test(await readText(response));
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > MAX_ANSWER_BYTES) break;
  }
  return text;
}

async function readTls({ caFile, certFile, keyFile }: TlsFiles): Promise<{ ca: Buffer; cert: Buffer; key: Buffer }> {
  const [ca, cert, key] = await Promise.all([readFile(caFile), readFile(certFile), readFile(keyFile)]);
  return { ca, cert, key };
}
