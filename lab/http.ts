import { request } from 'node:https';

/** Longest one request to a service on loopback may take. */
const REQUEST_DEADLINE_MS = 3_000;

export type Answer = { readonly status: number; readonly body: string };

/** Asks a service on loopback; its body is looked at by the caller, since something else may answer on a port. */
export async function get(url: string): Promise<Answer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_DEADLINE_MS) });
  return { status: response.status, body: await response.text() };
}

export type ClientIdentity = { readonly ca: string; readonly cert: string; readonly key: string };

/** The same with a client certificate, as an engine wants it. */
export function getSecurely(url: string, identity: ClientIdentity): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(REQUEST_DEADLINE_MS);
    const outgoing = request(url, { ...identity, signal, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
