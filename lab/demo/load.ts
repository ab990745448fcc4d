import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Pause between two requests to one host: short enough to see a restart of the daemon, light for a small machine. */
const PAUSE_MS = 40;
/** A request that takes longer has failed for whoever waits for it. */
const REQUEST_TIMEOUT_MS = 1_000;

export type Target = { readonly name: string; readonly url: string };

/** What the users of one host saw. */
export type Seen = {
  readonly answered: number;
  readonly failed: number;
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
  let longestGapMs = 0;
  let lastAnswer = performance.now();
  while (!signal.aborted) {
    const isAnswered = await isOk(url);
    if (isAnswered) {
      const now = performance.now();
      // The first answer ends no gap: nobody asked before it.
      if (answered > 0) longestGapMs = Math.max(longestGapMs, now - lastAnswer);
      lastAnswer = now;
      answered += 1;
    } else failed += 1;
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return { answered, failed, longestGapMs: Math.round(longestGapMs) };
}

function isOk(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      response.on('error', () => resolve(false));
      response.on('end', () => resolve(response.statusCode === 200));
      response.resume();
    });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${url} in ${REQUEST_TIMEOUT_MS} ms`)));
    request.on('error', () => resolve(false));
  });
}
