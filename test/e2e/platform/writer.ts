import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Clients that write at the same time, and entries of one request. */
const CLIENTS = 4;
const BATCH = 20;
/** Pause of a client between two requests; ms. Some thousand entries a second leave the hosts room for their upgrade. */
const PAUSE_MS = 20;
const REQUEST_TIMEOUT_MS = 10_000;
/** Tries of one batch: what was refused is asked for again, and an entry is written once however often. */
const MAX_TRIES = 4_000;
/** Pause before that; ms. */
const AGAIN_MS = 50;

export type Written = {
  readonly entries: number;
  readonly requests: number;
  /** Requests that were not answered with 200, in words. */
  readonly failed: readonly string[];
  /** Longest time in which no request was answered; ms. */
  readonly longestGapMs: number;
};

export interface Writer {
  /** So many entries are written and answered. */
  written(): number;
  stop(): Promise<Written>;
}

/** Writes entries 0, 1, 2, … through the load balancer until it is stopped; what was answered is in the database. */
export function startWriter(url: string): Writer {
  const stopping = new AbortController();
  const failed: string[] = [];
  const count = { next: 0, entries: 0, requests: 0, gapMs: 0, answeredAt: performance.now() };
  const clients = Array.from({ length: CLIENTS }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!stopping.signal.aborted) {
      const first = count.next;
      count.next += BATCH;
      await writeBatch(new URL(`/entries/${first}/${BATCH}`, url), { agent, failed, count });
      await sleep(PAUSE_MS);
    }
    agent.destroy();
  });
  return {
    written: () => count.entries,
    stop: async () => {
      stopping.abort();
      await Promise.all(clients);
      const { entries, requests, gapMs: longestGapMs } = count;
      return { entries, requests, failed, longestGapMs };
    },
  };
}

type Count = { entries: number; requests: number; gapMs: number; answeredAt: number };

async function writeBatch(
  url: URL,
  { agent, failed, count }: { readonly agent: Agent; readonly failed: string[]; readonly count: Count },
): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const problem = await post(url, agent);
    count.requests += 1;
    if (problem === null) {
      const now = performance.now();
      count.gapMs = Math.max(count.gapMs, now - count.answeredAt);
      count.answeredAt = now;
      count.entries += BATCH;
      return;
    }
    failed.push(`${new Date().toISOString()} ${url.pathname}: ${problem}`);
    await sleep(AGAIN_MS);
  }
  throw new Error(`${url.pathname} was refused ${MAX_TRIES} times`);
}

/** null: answered with 200. */
function post(url: URL, agent: Agent): Promise<string | null> {
  return new Promise((resolve) => {
    const sent = request(url, { agent, method: 'POST', timeout: REQUEST_TIMEOUT_MS }, (response) => {
      response.resume();
      response.on('error', (error) => resolve(`cut off: ${error.message}`));
      response.on('end', () => resolve(response.statusCode === 200 ? null : `status ${response.statusCode ?? 0}`));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', (error) => resolve(error.message));
    sent.end();
  });
}
