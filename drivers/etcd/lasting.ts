import type { ITxnRequest } from 'etcd3';
import type { LastingChange, LastingValues } from '../../model/lasting.ts';
import type { WriteOutcome } from '../../model/ports.ts';
import { CALL_MS, Endpoints, messageOf, withinMs, type Endpoint, type EndpointOptions } from './endpoints.ts';
import { readKey } from './listing.ts';
import { toCompare, wasNeverSent } from './write.ts';

export type LastingOptions = EndpointOptions & {
  /** A value is there for this long, and for up to one in LEASES_PER_TTL of it longer; ms. */
  readonly ttlMs: number;
};

/** Values that are written one after another share a lease: one a value would be as many leases as values. */
const LEASES_PER_TTL = 24;
/** What etcd says of a lease that has ended, or that a wiped etcd never knew: the write had no effect. */
const LEASE_GONE = 'requested lease not found';

/** Values bound to leases of etcd. */
export function createEtcdLasting({ ttlMs, ...options }: LastingOptions): LastingValues {
  const endpoints = new Endpoints(options);
  const closing = new AbortController();
  const leases = shareLeases(ttlMs);
  return {
    read: (key) => endpoints.ask((endpoint) => readKey(endpoint, key), closing.signal),
    write: async (change) => {
      let tried: Tried = { isOver: false, cause: 'nothing was tried' };
      for (let attempt = 0; attempt < Math.max(2, endpoints.count) && !tried.isOver; attempt += 1) {
        tried = await tryWrite(endpoints, leases, change);
      }
      return tried.isOver ? tried.outcome : { outcome: 'unknown', cause: tried.cause };
    },
    close: () => {
      closing.abort();
      endpoints.close();
    },
  };
}

type Leases = { readonly at: (endpoint: Endpoint) => Promise<string>; readonly forget: () => void };

function shareLeases(ttlMs: number): Leases {
  const sharedMs = ttlMs / LEASES_PER_TTL;
  let shared: { readonly id: string; readonly until: number } | null = null;
  return {
    at: async (endpoint) => {
      if (shared !== null && performance.now() < shared.until) return shared.id;
      const until = performance.now() + sharedMs;
      const request = { TTL: Math.ceil((ttlMs + sharedMs) / 1_000) };
      const { ID: id } = await endpoint.client.leaseClient.leaseGrant(request, withinMs(CALL_MS));
      shared = { id, until };
      return id;
    },
    forget: () => (shared = null),
  };
}

type Tried =
  { readonly isOver: true; readonly outcome: WriteOutcome } | { readonly isOver: false; readonly cause: string };

/** Not over: it certainly had no effect, and may be tried once more. */
async function tryWrite(endpoints: Endpoints, leases: Leases, change: LastingChange): Promise<Tried> {
  const endpoint = endpoints.preferred;
  let isSent = false;
  try {
    const lease = change.value === null ? null : await leases.at(endpoint);
    isSent = true;
    const answer = await endpoint.client.kv.txn(toRequest(change, lease), withinMs(CALL_MS));
    const revision = answer.header.revision;
    return { isOver: true, outcome: answer.succeeded ? { outcome: 'ok', revision } : { outcome: 'refused' } };
  } catch (error) {
    const cause = `${endpoint.url}: ${messageOf(error)}`;
    const isLeaseGone = cause.includes(LEASE_GONE);
    if (isLeaseGone) leases.forget();
    else endpoints.leave(endpoint);
    const isOver = isSent && !isLeaseGone && !wasNeverSent(error);
    return isOver ? { isOver, outcome: { outcome: 'unknown', cause } } : { isOver, cause };
  }
}

function toRequest({ key, value, revision }: LastingChange, lease: string | null): ITxnRequest {
  const name = Buffer.from(key);
  const change =
    value === null || lease === null
      ? { request_delete_range: { key: name } }
      : { request_put: { key: name, value: Buffer.from(value), lease } };
  return { compare: [toCompare({ key, revision })], success: [change], failure: [] };
}
