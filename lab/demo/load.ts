import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Pause between two requests to one host: short enough to see a restart of the daemon, light for a small machine. */
const PAUSE_MS = 40;
/** A request that takes longer has failed for whoever waits for it; a slow one on a busy machine has not. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Failures whose reason is told; the first say what it is. */
const MAX_REASONS = 5;

export type Target = { readonly name: string; readonly url: string };

/** What the users of one host saw. */
export type Seen = {
  readonly answered: number;
  readonly failed: number;
  /** Of the first failures: which request, and why. */
  readonly reasons: readonly string[];
  /** Longest time between two answers. */
  readonly longestGapMs: number;
};

export interface Load {
  /** Ends the requests; what was seen, by the host's name. */
  stop(): Promise<ReadonlyMap<string, Seen>>;
}

/** Sends requests to every target, one at a time each, until it is stopped. */
export function startLoad(targets: readonly Target[]): Load {
  const stopping = new AbortController();
  const running = targets.map(async (target) => [target.name, await ask(target.url, stopping.signal)] as const);
  return {
    stop: async () => {
      stopping.abort();
      return new Map(await Promise.all(running));
    },
  };
}

async function ask(url: string, signal: AbortSignal): Promise<Seen> {
  let answered = 0;
  let failed = 0;
  const reasons: string[] = [];
  let longestGapMs = 0;
  let lastAnswer = performance.now();
  while (!signal.aborted) {
    const fault = await findFault(url);
    if (fault === null) {
      const now = performance.now();
      // The first answer ends no gap: nobody asked before it.
      if (answered > 0) longestGapMs = Math.max(longestGapMs, now - lastAnswer);
      lastAnswer = now;
      answered += 1;
    } else {
      failed += 1;
      if (reasons.length < MAX_REASONS) reasons.push(`${url}: ${fault}`);
    }
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return { answered, failed, reasons, longestGapMs: Math.round(longestGapMs) };
}

/** null: it was answered, and well. */
function findFault(url: string): Promise<string | null> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      response.on('error', ({ message }) => resolve(message));
      response.on('end', () =>
        resolve(response.statusCode === 200 ? null : `status ${response.statusCode ?? 'unknown'}`),
      );
      response.resume();
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${REQUEST_TIMEOUT_MS} ms`)));
    request.on('error', ({ message }) => resolve(message));
  });
}
