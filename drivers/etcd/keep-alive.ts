import type { ILeaseKeepAliveResponse } from 'etcd3';
import type { Bus } from '../../model/ports.ts';
import { backoffMs, pause } from '../pause.ts';
import { messageOf, withinMs, type Endpoint, type Endpoints } from './endpoints.ts';
import type { BusLog } from './log.ts';

export type KeepAliveOptions = Parameters<Bus['keepAlive']>[0];

/** Renewals within one time to live: two may be lost before the key goes. */
const RENEWALS_PER_TTL = 3;
/** First and longest pause between attempts when no endpoint answers; ms. */
const BACKOFF_MS = { first: 50, longest: 1_000 } as const;

/** The lease that holds the key, and the value last put under it. */
type Held = { readonly lease: string; readonly value: string; readonly revision: string };

/** Renews the key's lease until the signal fires, and starts again from a new lease whenever anything is not as it was left. */
export async function keepAlive(endpoints: Endpoints, options: KeepAliveOptions, log: BusLog): Promise<void> {
  const { key, ttlMs, signal } = options;
  let held: Held | null = null;
  for (let failures = 0; !signal.aborted;) {
    const endpoint = endpoints.preferred;
    try {
      held = await renew(endpoint, held, options);
      failures = held === null ? failures + 1 : 0;
    } catch (error) {
      endpoints.leave(endpoint);
      held = null;
      failures += 1;
      log('key not renewed', { key, endpoint: endpoint.url, cause: messageOf(error), failures });
    }
    if (failures === 0) await pause(ttlMs / RENEWALS_PER_TTL, signal);
    else if (failures >= endpoints.count) {
      await pause(backoffMs(failures - endpoints.count, BACKOFF_MS.first, BACKOFF_MS.longest), signal);
    }
  }
}

/** Null: the lease is gone; a new one is needed at once. */
async function renew(endpoint: Endpoint, held: Held | null, options: KeepAliveOptions): Promise<Held | null> {
  const callMs = options.ttlMs / RENEWALS_PER_TTL;
  const value = options.value();
  if (held === null) return put(endpoint, { lease: await grant(endpoint, options.ttlMs), value }, options);
  if (!(await refresh(endpoint, held.lease, callMs))) return null;
  const isThere = (await revisionOf(endpoint, options.key, callMs)) === held.revision;
  return isThere && value === held.value ? held : put(endpoint, { lease: held.lease, value }, options);
}

async function grant(endpoint: Endpoint, ttlMs: number): Promise<string> {
  const granted = await endpoint.client.leaseClient.leaseGrant(
    { TTL: Math.ceil(ttlMs / 1_000) },
    withinMs(ttlMs / RENEWALS_PER_TTL),
  );
  return granted.ID;
}

async function put(
  endpoint: Endpoint,
  { lease, value }: Pick<Held, 'lease' | 'value'>,
  { key, ttlMs }: KeepAliveOptions,
): Promise<Held> {
  const { header } = await endpoint.client.kv.put(
    { key: Buffer.from(key), value: Buffer.from(value), lease },
    withinMs(ttlMs / RENEWALS_PER_TTL),
  );
  return { lease, value, revision: header.revision };
}

/** Asked of the member alone: it costs no quorum, and a stale answer only costs one more put. */
async function revisionOf(endpoint: Endpoint, key: string, callMs: number): Promise<string | null> {
  const { kvs } = await endpoint.client.kv.range(
    { key: Buffer.from(key), keys_only: true, serializable: true },
    withinMs(callMs),
  );
  return kvs[0]?.mod_revision ?? null;
}

/** One renewal on a stream of its own: nothing to keep track of between renewals. False: etcd does not know the lease. */
async function refresh(endpoint: Endpoint, lease: string, callMs: number): Promise<boolean> {
  const stream = await endpoint.client.leaseClient.leaseKeepAlive(withinMs(callMs));
  const answer = await new Promise<ILeaseKeepAliveResponse>((resolve, reject) => {
    stream.on('data', resolve);
    stream.on('error', reject);
    stream.on('end', () => reject(new Error('the stream ended without an answer')));
    stream.write({ ID: lease });
  }).finally(() => {
    // Ended first: the client library takes the cancel of a writable stream for the endpoint's failure.
    stream.end();
    stream.cancel();
  });
  return Number(answer.TTL) > 0;
}
