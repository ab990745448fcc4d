import type { IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3';
import type { BusEntry } from '../../model/ports.ts';
import { backoffMs, pause } from '../pause.ts';
import { messageOf, type Endpoint, type Endpoints } from './endpoints.ts';
import { Levels } from './levels.ts';
import { listPrefix, prefixEnd, type Listing } from './listing.ts';
import type { BusLog } from './log.ts';

export type WatchOptions = {
  readonly endpoints: Endpoints;
  readonly prefix: string;
  readonly onEntries: (entries: readonly BusEntry[]) => void;
  readonly signal: AbortSignal;
  readonly log: BusLog;
};

/** Longest an endpoint may take to confirm a watch; ms. A frozen one accepts the stream and says nothing. */
const CREATED_MS = 3_000;
/** Longest without a fresh list, whatever the stream says; ms. etcd promises no bound for an event's arrival. */
const REREAD_MS = 30_000;
/** A watch that lived this long was a good one: the next attempt starts without a pause; ms. */
const STEADY_MS = 2_000;
/** First and longest pause between attempts when no endpoint answers; ms. */
const BACKOFF_MS = { first: 50, longest: 2_000 } as const;

/**
 * List, then watch from the revision after the list, until anything looks wrong; then list again. Nothing is resumed: an
 * error, a cancel, a compaction, another cluster, silence and a wiped etcd all end in the same fresh list.
 */
export async function watchPrefix(options: WatchOptions): Promise<void> {
  const { endpoints, prefix, signal, log } = options;
  const levels = new Levels(options.onEntries, signal);
  for (let failures = 0; !signal.aborted;) {
    const endpoint = endpoints.preferred;
    let createdAt = Infinity;
    try {
      const listing = await listPrefix(endpoint, prefix);
      if (isAborted(signal)) return;
      levels.replace(listing.entries);
      await follow(endpoint, { ...options, listing, levels, onCreated: () => (createdAt = performance.now()) });
      failures = 0;
    } catch (error) {
      endpoints.leave(endpoint);
      if (isAborted(signal)) return;
      log('watch interrupted', { prefix, endpoint: endpoint.url, cause: messageOf(error), failures });
      if (performance.now() - createdAt > STEADY_MS) failures = 0;
      // The other endpoints are tried at once, before the first pause.
      failures += 1;
      if (failures >= endpoints.count) {
        await pause(backoffMs(failures - endpoints.count, BACKOFF_MS.first, BACKOFF_MS.longest), signal);
      }
    }
  }
}

/** Read again at each use: the signal fires while this code waits. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted;

type Follow = WatchOptions & { readonly listing: Listing; readonly levels: Levels; readonly onCreated: () => void };
type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse>;

/** Applies events until it is time to read again (resolves) or something is wrong (rejects). */
async function follow(endpoint: Endpoint, options: Follow): Promise<void> {
  const { endpoints, prefix, signal, listing, levels, onCreated } = options;
  const stream = await endpoint.client.watchClient.watch();
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => end(() => reject(new Error(why)));
    const created = setTimeout(() => fail(`no watch within ${CREATED_MS} ms`), CREATED_MS);
    // Earlier by up to a fifth, so that a fleet's agents do not list in step.
    const reread = setTimeout(() => end(resolve), REREAD_MS * (1 - Math.random() / 5));
    const onAbort = (): void => end(resolve);
    const stay = endpoints.onLeave(endpoint, () => fail('another call to the endpoint failed'));
    let hasEnded = false;
    const end = (settle: () => void): void => {
      hasEnded = true;
      clearTimeout(created);
      clearTimeout(reread);
      stay();
      signal.removeEventListener('abort', onAbort);
      settle();
      cancel(stream);
    };
    stream.on('data', (response) => {
      // What comes late is older than the next list.
      if (hasEnded) return;
      const problem = problemOf(response, listing);
      if (problem !== null) {
        fail(problem);
        return;
      }
      if (response.created) {
        clearTimeout(created);
        onCreated();
      }
      levels.apply(response.events);
    });
    stream.on('error', (error) => fail(messageOf(error)));
    stream.on('end', () => fail('the stream ended'));
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) end(resolve);
    else stream.write({ create_request: createRequest(prefix, listing.revision) });
  });
}

const createRequest = (prefix: string, revision: bigint): NonNullable<IWatchRequest['create_request']> => ({
  key: Buffer.from(prefix),
  range_end: prefixEnd(prefix),
  start_revision: String(revision + 1n),
});

/** Why the stream can't be trusted further, or null. */
function problemOf(response: IWatchResponse, listing: Listing): string | null {
  if (response.canceled) return `etcd ended the watch: ${response.cancel_reason || 'no reason given'}`;
  if (response.compact_revision !== '0') return `compacted at ${response.compact_revision}`;
  if (response.header.cluster_id !== listing.clusterId) return 'another cluster answers';
  // A wiped or restored etcd may keep its cluster id and count again from below.
  if (BigInt(response.header.revision) < listing.revision) return 'etcd is behind what it was';
  return null;
}

function cancel(stream: WatchStream): void {
  // An error that comes after this one has nobody to go to; without a listener it would end the process.
  stream.on('error', () => undefined);
  // Ended first: the client library takes the cancel of a writable stream for the endpoint's failure.
  stream.end();
  stream.cancel();
}
