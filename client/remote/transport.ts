import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { WrongInput } from '../fleet-client.ts';
import { Unreachable } from '../unreachable.ts';
import type { OpenedAccess } from './access.ts';

/** Longest silence of an API that has a request or a stream open; ms. It looks at hosts for up to half a minute. */
const SILENCE_MS = 60_000;
/** Largest answer; bytes. The plan of ten thousand hosts is some 20 million. */
const MAX_ANSWER_BYTES = 64 * 1024 ** 2;

export type ApiRequest = {
  readonly method: 'GET' | 'POST';
  /** Below the API's root, such as `/v1/fleets`. */
  readonly path: string;
  readonly body?: unknown;
  /** Of a POST: the same on each try. */
  readonly key?: string;
};
export type ApiAnswer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string };

/** One connection and its like to one API. Throws Unreachable when it doesn't answer; whatever it answers is an answer. */
export interface Transport {
  /** As a message names it. */
  readonly address: string;
  send(request: ApiRequest): Promise<ApiAnswer>;
  /** The answer as it comes, for as long as the other side writes. */
  open(path: string, signal: AbortSignal): Promise<{ readonly head: ApiAnswer; readonly body: AsyncIterable<string> }>;
  close(): void;
}

/** Of Node's own: authorities and client certificates of one's own are beyond `fetch`. */
export function openTransport(access: OpenedAccess): Transport {
  const { origin, prefix, token, tls } = access;
  const isSecure = origin.protocol === 'https:';
  const agent = isSecure ? new HttpsAgent({ keepAlive: true, ...tls }) : new HttpAgent({ keepAlive: true });
  const address = `${origin.origin}${prefix}`;
  const begin = (request: ApiRequest, accept: string, signal?: AbortSignal): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      const options = {
        ...{ agent, method: request.method, timeout: SILENCE_MS },
        headers: headersOf(request, { accept, token, body }),
      };
      const sent = (isSecure ? httpsRequest : httpRequest)(`${address}${request.path}`, options, resolve);
      sent.once('timeout', () => sent.destroy(new Error(`it was silent for ${SILENCE_MS / 1_000} s`)));
      sent.once('error', (error) => reject(away(address, error)));
      const hangUp = (): void => void sent.destroy();
      signal?.addEventListener('abort', hangUp, { once: true });
      sent.once('close', () => signal?.removeEventListener('abort', hangUp));
      sent.end(body);
    });
  return {
    address,
    send: async (request) => {
      const answer = await begin(request, 'application/json');
      return { ...headOf(answer), text: await readAll(address, answer) };
    },
    open: async (path, signal) => {
      const answer = await begin({ method: 'GET', path }, 'text/event-stream', signal);
      const isGood = answer.statusCode === 200;
      return {
        head: { ...headOf(answer), text: isGood ? '' : await readAll(address, answer) },
        body: pieces(address, answer),
      };
    },
    close: () => agent.destroy(),
  };
}

type Sent = { readonly accept: string; readonly token: string | null; readonly body: string | undefined };

const headersOf = ({ key }: ApiRequest, { accept, token, body }: Sent): Record<string, string | number> => ({
  accept,
  ...(token !== null && { authorization: `Bearer ${token}` }),
  ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  ...(key !== undefined && { 'idempotency-key': key }),
});

const headOf = ({ statusCode, headers }: IncomingMessage): Pick<ApiAnswer, 'status' | 'headers'> => ({
  ...{ status: statusCode ?? 0, headers },
});

async function readAll(address: string, answer: IncomingMessage): Promise<string> {
  const texts: string[] = [];
  let length = 0;
  for await (const text of pieces(address, answer)) {
    length += text.length;
    if (length > MAX_ANSWER_BYTES) {
      answer.destroy();
      throw new Error(`the API at ${address} answered with more than ${MAX_ANSWER_BYTES} bytes`);
    }
    texts.push(text);
  }
  return texts.join('');
}

async function* pieces(address: string, answer: IncomingMessage): AsyncGenerator<string> {
  answer.setEncoding('utf8');
  try {
    for await (const text of answer) yield String(text);
  } catch (error) {
    throw away(address, error);
  }
}

/** OpenSSL's words for a certificate that it has no reason to trust. */
const UNTRUSTED = /^(DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_CERT_)/;

function away(address: string, cause: unknown): Error {
  const why =
    cause instanceof Error ? cause.message || ('code' in cause ? String(cause.code) : cause.name) : String(cause);
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (UNTRUSTED.test(code)) {
    const next = 'name the authority that signed it with --api-ca, and the API as its certificate does';
    return new WrongInput('api-ca', `the API at ${address} shows a certificate that is not trusted (${why}); ${next}`, {
      cause,
    });
  }
  return new Unreachable(`the API at ${address} does not answer (${why}); it is started with: refit api`, { cause });
}
