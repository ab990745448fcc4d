import { readFile } from 'node:fs/promises';
import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import type { TlsFiles } from '../../model/fleet.ts';

/** Longest that a member may take to say how it is; ms. A healthy one needs one round trip to its peers. */
const HEALTH_MS = 3_000;
/** An answer is some 20 bytes. */
const MAX_ANSWER_BYTES = 4_096;

/** Whether the member says of itself that it has a leader and can write; one that can't be asked is not healthy. */
export async function isMemberHealthy(
  { endpoint, tls }: { readonly endpoint: string; readonly tls: TlsFiles | null },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await ask(endpoint, tls, signal);
  } catch {
    return false;
  }
}

async function ask(endpoint: string, tls: TlsFiles | null, signal: AbortSignal): Promise<boolean> {
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
