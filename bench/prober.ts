import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Pause between two looks; ms. It bounds how exactly a gap is known. */
const PAUSE_MS = 1;
/** A request that hangs in a container's last moments would hide when the next one would be answered; ms. */
const REQUEST_TIMEOUT_MS = 100;
/** Longest until the first answer, and until there are answers again after the move; ms. */
const ANSWER_WITHIN_MS = 30_000;
/** Answers after the move that show that it has come to rest. */
const LAST_ANSWERS = 50;

export interface Prober {
  /** Longest time between two answers; ms. Returns when answers come again. */
  stop(): Promise<number>;
}

/** Asks again and again, each time on a new connection, from the first answer on. */
export async function startProber(url: string): Promise<Prober> {
  const began = performance.now();
  while (!(await isAnswered(url))) {
    if (performance.now() - began > ANSWER_WITHIN_MS) throw new Error(`${url} gives no answer before the move`);
    await sleep(PAUSE_MS);
  }
  let longest = 0;
  let last = performance.now();
  let answers = 0;
  const stopping = new AbortController();
  const running = (async (): Promise<void> => {
    while (!stopping.signal.aborted || answers < LAST_ANSWERS) {
      if (await isAnswered(url)) {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        answers += 1;
      } else if (performance.now() - last > ANSWER_WITHIN_MS) {
        throw new Error(`${url} gives no answer after the move`);
      }
      await sleep(PAUSE_MS);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      answers = 0;
      await running;
      return longest;
    },
  };
}

function isAnswered(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      response.on('error', () => resolve(false));
      response.on('end', () => resolve(response.statusCode === 200));
      response.resume();
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', () => resolve(false));
  });
}
