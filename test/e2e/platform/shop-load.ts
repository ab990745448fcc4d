import { join } from 'node:path';
import { execa } from 'execa';
import type { Slot } from '../../../model/unit.ts';
import { clientKinds, isSlow, type ClientKind, type LoadPlan, type ShopRequest } from './shop-load/record.ts';
import { shopAddresses } from './shop.ts';

/** It answers with some 150 bytes a request. */
const MAX_OUTPUT_BYTES = 512 * 1024 ** 2;

/** As many as two processors do, some of them slow. */
const FULL: Pick<LoadPlan, 'clients' | 'pauseMs'> = {
  clients: { kept: 12, fresh: 2, slowKept: 3, slowFresh: 3, api: 1 },
  pauseMs: 0,
};
/** A few hundred a second, beside which a slot is made as fast as without. */
const LIGHT: typeof FULL = { clients: { kept: 3, fresh: 1, slowKept: 1, slowFresh: 1, api: 1 }, pauseMs: 15 };

export interface ShopLoad {
  /** Ends it, once it has the least of requests that was asked for, and says what came of each. */
  stop(): Promise<readonly ShopRequest[]>;
}

/** Requests to both frontends of the shop, from now on. */
export async function startShopLoad(
  size: 'full' | 'light',
  { least = 0 }: { readonly least?: number } = {},
): Promise<ShopLoad> {
  const plan: LoadPlan = { ...(await shopAddresses()), ...(size === 'full' ? FULL : LIGHT), least };
  const main = join(import.meta.dirname, 'shop-load', 'main.ts');
  const child = execa(process.execPath, ['--import', 'tsx', main, JSON.stringify(plan)], {
    stdin: 'pipe',
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return {
    stop: async () => {
      child.stdin.end();
      return JSON.parse((await child).stdout) as readonly ShopRequest[];
    },
  };
}

/** What the work ends with, and what came of the requests that went on beside it, a few hundred a second. */
export async function besideRequests<Result>(
  work: () => Promise<Result>,
): Promise<readonly [Result, readonly ShopRequest[]]> {
  const load = await startShopLoad('light');
  const result = await work();
  const requests = await load.stop();
  console.info(`beside it: ${loadText(requests)}`);
  return [result, requests];
}

/** The slot that a request of two seconds is answered by, from its begin to its end: others like it are at work then. */
export async function answersSlow(): Promise<Slot> {
  const response = await fetch(`${(await shopAddresses()).web}/slow?ms=2000`);
  return ((await response.json()) as { readonly slot: Slot }).slot;
}

export const failedOf = (requests: readonly ShopRequest[]): readonly ShopRequest[] =>
  requests.filter(({ status }) => status !== 200);

/** In words, for a person who looks at the tests. */
export function loadText(requests: readonly ShopRequest[]): string {
  const { tookMs, longestMs, longestGapMs } = measures(requests);
  const count = (kind: ClientKind): string => `${requests.filter((one) => one.kind === kind).length} ${kind}`;
  const kinds = clientKinds.map(count).join(', ');
  const rate = Math.round(requests.length / (tookMs / 1_000));
  return `${requests.length} requests (${kinds}) in ${Math.round(tookMs / 1_000)} s, ${rate}/s, ${failedOf(requests).length} failed; longest short one ${Math.round(longestMs)} ms, longest time without an answer ${Math.round(longestGapMs)} ms`;
}

/** Both of the longest are of those that are answered at once: the slow ones are the last. */
export function measures(requests: readonly ShopRequest[]): {
  readonly tookMs: number;
  readonly longestMs: number;
  readonly longestGapMs: number;
} {
  const short = requests.filter(({ kind }) => !isSlow(kind));
  const ends = short.map(({ endedAt }) => endedAt).sort((one, other) => one - other);
  const gaps = ends.slice(1).map((end, index) => end - (ends[index] ?? end));
  const begin = least(short.map(({ startedAt }) => startedAt));
  return {
    tookMs: (ends.at(-1) ?? begin) - begin,
    longestMs: most(short.map(({ startedAt, endedAt }) => endedAt - startedAt)),
    longestGapMs: most(gaps),
  };
}

/** How the requests went over from one slot to the other. */
export type Handover = {
  /** The first answer of the new slot had come: the switch was before. */
  readonly at: number;
  /** Answered by the slot that was left, though they began after that. */
  readonly late: readonly ShopRequest[];
  /** Answered by the slot that was left, and at work at that moment. */
  readonly inFlight: readonly ShopRequest[];
};

/**
 * Seen by the clients' clock alone: whatever begins after the first answer of the new slot has to be answered by it.
 * The requests are those of `from` before the switch and of `to` after it: `since` and `until` leave out other switches.
 */
export function handover(
  requests: readonly ShopRequest[],
  { to, since, until = Infinity }: { readonly to: Slot; readonly since: number; readonly until?: number },
): Handover {
  const seen = requests.filter(({ startedAt }) => startedAt > since && startedAt < until);
  const at = least(seen.filter(({ slot, status }) => slot === to && status === 200).map(({ endedAt }) => endedAt));
  const left = seen.filter(({ slot }) => slot !== null && slot !== to);
  return {
    at,
    late: left.filter(({ startedAt }) => startedAt > at),
    inFlight: left.filter(({ startedAt, endedAt }) => startedAt <= at && endedAt > at),
  };
}

/** A list may be too long for the arguments of a call. */
const least = (values: readonly number[]): number => values.reduce((one, other) => Math.min(one, other), Infinity);
const most = (values: readonly number[]): number => values.reduce((one, other) => Math.max(one, other), 0);
