import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { busKeys } from '../../model/bus.ts';
import type { FleetId } from '../../model/ids.ts';
import type { LastingValues } from '../../model/lasting.ts';
import type { BusEntry } from '../../model/ports.ts';
import { Unreachable } from '../unreachable.ts';
import type { Identity } from './identity.ts';

/** How long an answer is kept for those who ask again; ms. */
export const KEPT_MS = 24 * 3_600_000;
/** A request without an answer that is older was left by an API that ended: it is done again, under the same request key; ms. */
export const LEFT_AFTER_MS = 60_000;
/** Largest answer that is kept, as JSON; characters. Values on the bus stay below 16 kB. */
const MAX_ANSWER_LENGTH = 12_000;
/** Writes of one beginning: each more means that another API was quicker, or that an answer was lost. */
const MAX_TRIES = 4;

/**
 * What was asked with an Idempotency-Key, and what was answered; shared by all APIs of a fleet.
 *
 * 1. Of all who begin the same request at once one works, and the others are told so.
 * 2. A request with an answer is answered with it again, as long as it is kept.
 * 3. A key stands for one request of one identity: with another request it is refused, and another's key is another key.
 * 4. Who can't be sure gets Unreachable, and has begun nothing.
 */
export interface Requests {
  begin(asked: AskedRequest): Promise<Begun>;
}

export type AskedRequest = {
  readonly fleet: FleetId;
  readonly identity: Pick<Identity, 'by' | 'name'>;
  readonly key: string;
  /** Of method, path and body. */
  readonly fingerprint: string;
};

export type KeptAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type Begun =
  | {
      readonly outcome: 'begun';
      readonly requestKey: string;
      /** null: nothing to keep, whoever asks again is to try again. Throws when the bus does not take it. */
      readonly finish: (answer: KeptAnswer | null) => Promise<void>;
    }
  | { readonly outcome: 'answered'; readonly answer: KeptAnswer }
  | { readonly outcome: 'working'; readonly retryAfterMs: number }
  | { readonly outcome: 'other' };

const Entry = z.object({
  v: z.literal(1),
  fingerprint: z.string(),
  requestKey: z.string(),
  answer: z.object({ status: z.int(), headers: z.record(z.string(), z.string()), body: z.string() }).nullable(),
  /** When it was begun; ms since the epoch. */
  since: z.number(),
  /** Of this attempt alone: it settles a write whose answer was lost. */
  attempt: z.string(),
});
type Entry = Readonly<z.infer<typeof Entry>>;

/** `valuesOf`: the bus of a fleet. */
export function createRequests(
  valuesOf: (fleet: FleetId) => LastingValues,
  now: () => number = () => Date.now(),
): Requests {
  return {
    begin: async (asked) => {
      const requestKey = requestKeyOf(asked);
      const place = { values: valuesOf(asked.fleet), key: busKeys(asked.fleet).request(digestOf(asked)) };
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const found = await read(place);
        const known = found === null ? null : judge(found.entry, asked, now());
        if (known !== null) return known;
        const entry = newEntry(asked, requestKey, now());
        if (await put(place, entry, found?.revision ?? null)) {
          return { outcome: 'begun', requestKey, finish: (answer) => finish(place, entry, answer) };
        }
      }
      throw new Unreachable(`etcd did not settle what was asked with this key in ${MAX_TRIES} tries; ask again`);
    },
  };
}

/** The same on each try, and a legal part of a name. Two identities never share one. */
export const requestKeyOf = (asked: Pick<AskedRequest, 'identity' | 'key'>): string =>
  `key-${digestOf(asked).slice(0, 24)}`;

const digestOf = ({ identity, key }: Pick<AskedRequest, 'identity' | 'key'>): string =>
  createHash('sha256')
    .update(JSON.stringify([identity.by, identity.name, key]))
    .digest('hex');

const newEntry = ({ fingerprint }: AskedRequest, requestKey: string, since: number): Entry => ({
  ...{ v: 1, fingerprint, requestKey, answer: null, since, attempt: randomUUID() },
});

/** null: nobody works at it any more. */
function judge(entry: Entry, { fingerprint }: AskedRequest, now: number): Begun | null {
  if (entry.fingerprint !== fingerprint) return { outcome: 'other' };
  if (entry.answer !== null) return { outcome: 'answered', answer: entry.answer };
  const leftInMs = entry.since + LEFT_AFTER_MS - now;
  return leftInMs <= 0 ? null : { outcome: 'working', retryAfterMs: Math.min(leftInMs, LEFT_AFTER_MS) };
}

type Place = { readonly values: LastingValues; readonly key: string };
type Found = { readonly entry: Entry; readonly revision: string };

/** An entry that can't be read is Unreachable as well: it may be what a newer version keeps there. */
async function read({ values, key }: Place): Promise<Found | null> {
  const found = await values.read(key).catch((cause: unknown) => {
    throw new Unreachable('etcd does not answer, so nobody knows whether this was asked before; nothing was changed', {
      cause,
    });
  });
  return found === null ? null : { entry: parseEntry(found), revision: found.revision };
}

function parseEntry({ key, value }: BusEntry): Entry {
  try {
    return Entry.parse(JSON.parse(value));
  } catch (cause) {
    throw new Unreachable(`what etcd keeps at ${key} can't be read; use another key, or delete that one`, { cause });
  }
}

/** False: somebody else was quicker. A lost answer is settled by reading. */
async function put(place: Place, entry: Entry, revision: string | null): Promise<boolean> {
  const written = await place.values.write({ key: place.key, value: JSON.stringify(entry), revision });
  if (written.outcome !== 'unknown') return written.outcome === 'ok';
  return (await read(place))?.entry.attempt === entry.attempt;
}

/** Of an attempt that somebody took over in the meantime nothing is kept: what the other one answers counts. */
async function finish(place: Place, entry: Entry, answer: KeptAnswer | null): Promise<void> {
  const found = await read(place);
  if (found?.entry.attempt !== entry.attempt || found.entry.answer !== null) return;
  const kept = answer !== null && JSON.stringify(answer).length <= MAX_ANSWER_LENGTH ? answer : null;
  const value = kept === null ? null : JSON.stringify({ ...entry, answer: kept });
  const written = await place.values.write({ key: place.key, value, revision: found.revision });
  if (written.outcome === 'unknown') throw new Unreachable(`etcd did not say whether it keeps the answer`);
}
