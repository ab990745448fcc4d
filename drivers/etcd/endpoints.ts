import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { noop } from 'cockatiel';
import { Etcd3, type IOptions } from 'etcd3';
import { assert } from '../../model/assert.ts';
import type { TlsFiles } from '../../model/fleet.ts';

/**
 * One etcd endpoint with a client of its own: only so can a caller leave an endpoint that accepts and never answers. It
 * lives until the first failure; the next attempt there is another one, with a new connection, since nothing else tells
 * a connection that has died silently from a slow etcd.
 */
export type Endpoint = { readonly url: string; readonly client: Etcd3 };

export type EndpointOptions = { readonly endpoints: readonly string[]; readonly tls: TlsFiles | null };

/** Longest one request to one endpoint may take; ms. A member that lost its leader answers later than this, if ever. */
export const CALL_MS = 3_000;

/**
 * What grpc-js is told. The keepalive finds a frozen endpoint of a watch within 9 s; etcd takes pings no closer than 5 s,
 * and hangs up on those of a connection without a call. grpc-js's own retries are off because a write must never be sent
 * twice; proxies and service configs from DNS are off because an agent must not depend on either; its backoff, which
 * would grow to two minutes, is held at a second.
 */
const GRPC_OPTIONS = {
  'grpc.keepalive_time_ms': 6_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
} as const;

/** The endpoints of one etcd, with the one that answered last in front. */
export class Endpoints {
  readonly #credentials: Credentials | null;
  readonly #all: Endpoint[];
  readonly #leaving = new Map<Endpoint, Set<() => void>>();
  #preferred: number;

  constructor({ endpoints, tls }: EndpointOptions) {
    assert(endpoints.length > 0, 'an etcd bus needs at least one endpoint');
    this.#credentials = tls === null ? null : readCredentials(tls);
    this.#all = endpoints.map((url) => this.#connect(url));
    // A fleet of agents spreads over the members.
    this.#preferred = Math.floor(Math.random() * this.#all.length);
  }

  get count(): number {
    return this.#all.length;
  }

  get preferred(): Endpoint {
    const endpoint = this.#all[this.#preferred];
    assert(endpoint !== undefined, `no etcd endpoint at ${this.#preferred}`);
    return endpoint;
  }

  /**
   * The endpoint failed: others go first from now on, unless somebody else has left it already. Whoever listens on it is
   * told: a watch on a frozen endpoint hears nothing by itself, until the keepalive gives it up.
   */
  leave(endpoint: Endpoint): void {
    const index = this.#all.indexOf(endpoint);
    if (index < 0) return;
    this.#all[index] = this.#connect(endpoint.url);
    if (this.#preferred === index) this.#preferred = (index + 1) % this.#all.length;
    const listeners = this.#leaving.get(endpoint) ?? [];
    this.#leaving.delete(endpoint);
    for (const told of listeners) told();
    // Calls that are on their way still end by themselves.
    endpoint.client.close();
  }

  /** Calls back once when the endpoint is left, unless the returned function was called before. */
  onLeave(endpoint: Endpoint, told: () => void): () => void {
    const listeners = this.#leaving.get(endpoint) ?? new Set();
    this.#leaving.set(endpoint, listeners.add(told));
    return () => void listeners.delete(told);
  }

  /** Asks one endpoint after another until one answers. Only for what may be sent twice. */
  async ask<Answer>(question: (endpoint: Endpoint) => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
    const failures: string[] = [];
    for (let attempt = 0; attempt < Math.max(2, this.#all.length) && !signal.aborted; attempt += 1) {
      const endpoint = this.preferred;
      try {
        return await question(endpoint);
      } catch (error) {
        failures.push(`${endpoint.url}: ${messageOf(error)}`);
        this.leave(endpoint);
      }
    }
    throw new Error(signal.aborted ? 'the bus is closed' : `no etcd endpoint answered (${failures.join('; ')})`);
  }

  close(): void {
    for (const endpoint of this.#all) endpoint.client.close();
  }

  #connect(url: string): Endpoint {
    return { url, client: connect(url, this.#credentials) };
  }
}

/** Options of one request: its deadline. */
export const withinMs = (ms: number): { readonly deadline: number } => ({ deadline: Date.now() + ms });

/** The text of an error without its class's name and stack, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}

type Credentials = NonNullable<IOptions['credentials']>;

const readCredentials = ({ caFile, certFile, keyFile }: TlsFiles): Credentials => ({
  rootCertificate: readFileSync(caFile),
  certChain: readFileSync(certFile),
  privateKey: readFileSync(keyFile),
});

function connect(url: string, credentials: Credentials | null): Etcd3 {
  // grpc-js shares connections between clients of the same options, living or dead: a name of its own keeps it from that.
  const name = `refit/${randomBytes(6).toString('hex')}`;
  return new Etcd3({
    hosts: url,
    grpcOptions: { ...GRPC_OPTIONS, 'grpc.primary_user_agent': name },
    // The client's own policies repeat writes and turn errors into others.
    faultHandling: { host: () => noop, global: noop },
    ...(credentials === null ? {} : { credentials }),
  });
}
