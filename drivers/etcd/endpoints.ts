import { readFileSync } from 'node:fs';
import { noop } from 'cockatiel';
import { Etcd3, type IOptions } from 'etcd3';
import { assert } from '../../model/assert.ts';
import type { TlsFiles } from '../../model/fleet.ts';

/** One etcd endpoint with a client of its own: only so can a caller leave an endpoint that accepts and never answers. */
export type Endpoint = { readonly url: string; readonly client: Etcd3 };

export type EndpointOptions = { readonly endpoints: readonly string[]; readonly tls: TlsFiles | null };

/** Longest one request to one endpoint may take; ms. A member that lost its leader answers later than this, if ever. */
export const CALL_MS = 3_000;

/**
 * What grpc-js is told. The keepalive finds a frozen endpoint within 9 s (a server refuses pings closer than 5 s). Its own
 * retries are off because a write must never be sent twice; proxies and service configs from DNS are off because an agent
 * must not depend on either; its backoff, which would grow to two minutes, is held at a second.
 */
const GRPC_OPTIONS = {
  'grpc.keepalive_time_ms': 6_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
} as const;

/** The endpoints of one etcd, with the one that answered last in front. */
export class Endpoints {
  readonly #all: readonly Endpoint[];
  #preferred: number;

  constructor(options: EndpointOptions) {
    assert(options.endpoints.length > 0, 'an etcd bus needs at least one endpoint');
    this.#all = options.endpoints.map((url) => ({ url, client: connect(url, options.tls) }));
    // A fleet of agents spreads over the members.
    this.#preferred = Math.floor(Math.random() * this.#all.length);
  }

  get count(): number {
    return this.#all.length;
  }

  get preferred(): Endpoint {
    return this.at(this.#preferred);
  }

  /** The endpoint failed: others go first from now on, unless somebody else has moved on already. */
  leave(endpoint: Endpoint): void {
    if (this.preferred === endpoint) this.#preferred = (this.#preferred + 1) % this.#all.length;
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

  private at(index: number): Endpoint {
    const endpoint = this.#all[index];
    assert(endpoint !== undefined, `no etcd endpoint at ${index}`);
    return endpoint;
  }
}

/** Options of one request: its deadline. */
export const withinMs = (ms: number): { readonly deadline: number } => ({ deadline: Date.now() + ms });

/** The text of an error without its class's name and stack, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}

function connect(url: string, tls: TlsFiles | null): Etcd3 {
  const options: IOptions = {
    hosts: url,
    grpcOptions: GRPC_OPTIONS,
    // The client's own policies repeat writes and turn errors into others.
    faultHandling: { host: () => noop, global: noop },
  };
  if (tls === null) return new Etcd3(options);
  const credentials = {
    rootCertificate: readFileSync(tls.caFile),
    privateKey: readFileSync(tls.keyFile),
    certChain: readFileSync(tls.certFile),
  };
  return new Etcd3({ ...options, credentials });
}
