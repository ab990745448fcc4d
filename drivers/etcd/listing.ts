import type { IKeyValue, IRangeResponse } from 'etcd3';
import { assert } from '../../model/assert.ts';
import type { BusEntry } from '../../model/ports.ts';
import { CALL_MS, withinMs, type Endpoint } from './endpoints.ts';

/** Everything under a prefix as of one revision of one cluster. */
export type Listing = {
  readonly entries: readonly BusEntry[];
  readonly revision: bigint;
  readonly clusterId: string;
};

/** Entries asked for at once: a page of the largest values stays far below the 64 MB that a message may have. */
const PAGE = 1_000;
/** More pages than any fleet has; a list that never ends is a bug. */
const MAX_PAGES = 1_000;

/** Reads every page at the revision of the first one, so that the listing is of one instant. */
export async function listPrefix(endpoint: Endpoint, prefix: string): Promise<Listing> {
  const end = prefixEnd(prefix);
  const first = await page(endpoint, { key: Buffer.from(prefix), end, revision: '0' });
  const entries = first.kvs.map(toEntry);
  let last = first;
  for (let pages = 1; last.more; pages += 1) {
    assert(pages < MAX_PAGES, `more than ${MAX_PAGES * PAGE} entries under ${prefix}`);
    last = await page(endpoint, { key: afterLast(last), end, revision: first.header.revision });
    entries.push(...last.kvs.map(toEntry));
  }
  return { entries, revision: BigInt(first.header.revision), clusterId: first.header.cluster_id };
}

export async function readKey(endpoint: Endpoint, key: string): Promise<BusEntry | null> {
  const { kvs } = await endpoint.client.kv.range({ key: Buffer.from(key) }, withinMs(CALL_MS));
  return kvs[0] === undefined ? null : toEntry(kvs[0]);
}

export const toEntry = (kv: IKeyValue): BusEntry => ({
  key: kv.key.toString(),
  value: kv.value.toString(),
  revision: kv.mod_revision,
});

/** The first key after all keys that start with the prefix. Keys are ASCII, so the last byte can always be raised. */
export function prefixEnd(prefix: string): Buffer {
  assert(prefix.length > 0, 'an empty prefix would name every key of the etcd');
  const end = Buffer.from(prefix);
  const last = end.at(-1);
  assert(last !== undefined && last < 0xff, `a prefix ends in a plain character, got ${prefix}`);
  end[end.length - 1] = last + 1;
  return end;
}

type PageRequest = { readonly key: Buffer; readonly end: Buffer; readonly revision: string };

function page(endpoint: Endpoint, { key, end, revision }: PageRequest): Promise<IRangeResponse> {
  return endpoint.client.kv.range({ key, range_end: end, limit: PAGE, revision }, withinMs(CALL_MS));
}

function afterLast(page: IRangeResponse): Buffer {
  const last = page.kvs.at(-1);
  assert(last !== undefined, 'etcd said that there is more after an empty page');
  return Buffer.concat([last.key, Buffer.alloc(1)]);
}
