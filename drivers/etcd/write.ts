import type { ICompare, IRequestOp, ITxnRequest } from 'etcd3';
import { assert } from '../../model/assert.ts';
import type { Bus, BusCondition, WriteOutcome } from '../../model/ports.ts';
import { CALL_MS, messageOf, withinMs, type Endpoints } from './endpoints.ts';

export type Change = Parameters<Bus['write']>[0];

/** What etcd takes in one transaction (its `--max-txn-ops`). */
const MAX_OPERATIONS = 128;

/** Texts of grpc-js and etcd3 that say that the request never left this process. */
const NEVER_SENT = [
  'No connection established',
  'Waiting for LB pick',
  'Name resolution failed',
  'Channel closed before',
];

/**
 * One transaction, sent once.
 *
 * 1. ok and refused are etcd's own words.
 * 2. Every failure after the request may have left is unknown; it is not sent again.
 * 3. A request that certainly did not leave goes to the next endpoint; if it left nowhere the outcome is unknown as well,
 *    so that a caller has one way to go on: read.
 */
export async function writeChange(endpoints: Endpoints, change: Change): Promise<WriteOutcome> {
  const request = toRequest(change);
  let cause = '';
  for (let attempt = 0; attempt < endpoints.count; attempt += 1) {
    const endpoint = endpoints.preferred;
    try {
      const answer = await endpoint.client.kv.txn(request, withinMs(CALL_MS));
      return answer.succeeded ? { outcome: 'ok', revision: answer.header.revision } : { outcome: 'refused' };
    } catch (error) {
      endpoints.leave(endpoint);
      cause = `${endpoint.url}: ${messageOf(error)}`;
      if (!wasNeverSent(error)) break;
    }
  }
  return { outcome: 'unknown', cause };
}

export const wasNeverSent = (error: unknown): boolean => NEVER_SENT.some((text) => messageOf(error).includes(text));

function toRequest({ conditions, puts, deletes = [] }: Change): ITxnRequest {
  assert(puts.length + deletes.length <= MAX_OPERATIONS, `a change has at most ${MAX_OPERATIONS} operations`);
  assert(conditions.length <= MAX_OPERATIONS, `a change has at most ${MAX_OPERATIONS} conditions`);
  const success: IRequestOp[] = [
    ...puts.map(({ key, value }) => ({ request_put: { key: Buffer.from(key), value: Buffer.from(value) } })),
    ...deletes.map((key) => ({ request_delete_range: { key: Buffer.from(key) } })),
  ];
  return { compare: conditions.map(toCompare), success, failure: [] };
}

export function toCompare({ key, revision }: BusCondition): ICompare {
  const subject = { key: Buffer.from(key), result: 'Equal' } as const;
  return revision === null
    ? { ...subject, target: 'Create', create_revision: '0' }
    : { ...subject, target: 'Mod', mod_revision: revision };
}
