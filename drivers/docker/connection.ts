import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { EngineError, type EngineFailure } from '../../model/engine.ts';
import type { EngineAccess } from '../../model/fleet.ts';

/** One request to the engine's HTTP interface. */
export type EngineRequest = {
  /** What it is for, in words for messages: `pull x`. */
  readonly what: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Sent instead of `body`. It is no part of any message. */
  readonly tar?: Buffer;
  readonly registryAuth?: { readonly username: string; readonly password: string } | undefined;
  /** Longest until the whole answer is there, or until a stream begins; ms. */
  readonly withinMs: number;
  readonly signal?: AbortSignal | undefined;
};

/** Why a request was ended by its own timer. */
const TIMED_OUT = Symbol('timed out');
/** Answers that are no failure; 304: it is so already. */
const FINE = { 200: true, 201: true, 204: true, 304: true } as const;

/**
 * A Docker Engine by way of dockerode's transport. Requests of the library itself never settle when an engine dies in the
 * middle of an answer, so each one here has a timer of its own.
 */
export class EngineConnection {
  readonly #docker: Docker;
  readonly #name: string;

  constructor(access: EngineAccess, host: string) {
    this.#docker = new Docker(dockerOptions(access));
    this.#name = `${host} at ${access.endpoint}`;
  }

  /** The parsed JSON of the answer. */
  ask(request: EngineRequest): Promise<unknown> {
    return this.#bounded(request, (signal) => this.#dial(request, { signal, isStream: false }));
  }

  /** The answer's body as it comes. The caller bounds the reading and destroys it. */
  async open(request: EngineRequest): Promise<Readable> {
    const body = await this.#bounded(request, (signal) => this.#dial(request, { signal, isStream: true }));
    if (isReadable(body)) return body;
    throw new EngineError('refused', `${this.#name} gave no stream for: ${request.what}`);
  }

  /** A failure that its caller found, in the words of all others. */
  error(kind: EngineFailure, why: string, what: string): EngineError {
    return new EngineError(kind, `engine of ${this.#name}: ${what}: ${why}`);
  }

  #dial(
    { method, path, query = {}, body = {}, tar, registryAuth }: EngineRequest,
    { signal, isStream }: { readonly signal: AbortSignal; readonly isStream: boolean },
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = {
        path: `${path}?`,
        method,
        // The library deletes fields from the objects that it is given, so they are fresh ones.
        options: { _query: { ...query }, _body: { ...body } },
        ...(tar === undefined ? {} : { file: tar }),
        ...(registryAuth === undefined ? {} : { authconfig: { ...registryAuth } }),
        abortSignal: signal,
        isStream,
        statusCodes: FINE,
      };
      this.#docker.modem.dial(request, (error: unknown, answer: unknown) => {
        if (error === null || error === undefined) resolve(answer);
        else reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
      });
    });
  }

  async #bounded<Answer>(
    { what, withinMs, signal }: EngineRequest,
    request: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    signal?.throwIfAborted();
    const ending = new AbortController();
    hideFromInspection(ending.signal);
    const onAbort = (): void => ending.abort();
    const timer = setTimeout(() => ending.abort(TIMED_OUT), withinMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([request(ending.signal), aborted(ending.signal)]);
    } catch (error) {
      signal?.throwIfAborted();
      if (ending.signal.reason === TIMED_OUT)
        throw this.error('deadline', `did not answer within ${withinMs} ms`, what);
      throw this.error(kindOf(error), wordsOf(error), what);
    } finally {
      clearTimeout(timer);
      // Not aborted: an opened stream lives on, and its caller ends it.
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

const isReadable = (body: unknown): body is Readable =>
  typeof body === 'object' && body !== null && 'pipe' in body && 'destroy' in body;

/** The request itself may never settle, whatever it is told. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('ended')), { once: true });
  });
}

/** The engine's own words, without what the library puts in front. */
function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^\(HTTP code \d+\) [a-z ]+ - /, '').trim();
}

function kindOf(error: unknown): EngineFailure {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : null;
  if (typeof status !== 'number') return 'unreachable';
  if (status === 404) return 'notFound';
  return status === 409 ? 'conflict' : 'refused';
}

/** The library's types don't know this option of its transport. */
type TransportOptions = Docker.DockerOptions & { readonly agent: HttpAgent };

function dockerOptions({ endpoint, tls }: EngineAccess): TransportOptions {
  const url = new URL(endpoint);
  // No connection is kept: one that a restarted engine has closed would fail the next request, and writes are not repeated.
  const agent = hideFromInspection(new HttpAgent({ keepAlive: false }));
  // `host` is named even if it is none: DOCKER_HOST of the environment would take its place.
  if (url.protocol === 'unix:') return { socketPath: url.pathname, host: undefined, protocol: 'http', agent };
  if (url.protocol !== 'tcp:') throw new EngineError('refused', `engine endpoint ${endpoint}: ${HINT}`);
  const address = { host: url.hostname, port: url.port || (tls === null ? '2375' : '2376') };
  if (tls === null) return { ...address, protocol: 'http', agent };
  return {
    ...address,
    protocol: 'https',
    ca: readFileSync(tls.caFile, 'utf8'),
    cert: readFileSync(tls.certFile, 'utf8'),
    key: readFileSync(tls.keyFile, 'utf8'),
    agent: hideFromInspection(new HttpsAgent({ keepAlive: false })),
  };
}

/**
 * The library writes every request's options out for its debug log, whether there is one or not, to any depth. Within an
 * activity a socket or a signal leads to all of the worker, which took it half a minute for each request.
 */
function hideFromInspection<Thing extends object>(thing: Thing): Thing {
  return Object.defineProperty(thing, inspect.custom, { value: () => 'not shown' });
}

const HINT =
  'only unix:// and tcp:// are supported; for ssh, forward the socket: ssh -NL /run/host.sock:/run/docker.sock user@host';
