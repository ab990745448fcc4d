import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Requests at the same time; half of them keep their connection. */
const CLIENTS = 6;
/** Pause of a client between two requests; ms. */
const PAUSE_MS = 5;
/** One request in so many takes its time, so that there is always one in flight when a member goes. */
const SLOW_EVERY = 25;
const SLOW_MS = 300;
const REQUEST_TIMEOUT_MS = 10_000;

export type Requests = {
  readonly answered: number;
  /** Every request that was not answered with 200, in words. */
  readonly failed: readonly string[];
  /** Versions that answered, in the order in which they were seen first. */
  readonly versions: readonly string[];
};

export interface Load {
  stop(): Promise<Requests>;
}

/** Constant requests, on kept connections and on new ones, short and slow. */
export function startRequests(url: string): Load {
  const seen = { answered: 0, failed: [] as string[], versions: new Set<string>() };
  const stopping = new AbortController();
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    const agent = new Agent({ keepAlive: client % 2 === 0, maxSockets: 1 });
    for (let count = client; !stopping.signal.aborted; count += 1) {
      const path = count % SLOW_EVERY === 0 ? `slow?ms=${SLOW_MS}` : '';
      const answer = await ask(new URL(path, url), agent);
      if (answer.version === null) {
        seen.failed.push(`${new Date().toISOString()} /${path}: ${answer.problem}`);
      } else {
        seen.answered += 1;
        seen.versions.add(answer.version);
      }
      await sleep(PAUSE_MS);
    }
    agent.destroy();
  });
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(clients);
      return { ...seen, versions: [...seen.versions] };
    },
  };
}

type Answer = { readonly version: string } | { readonly version: null; readonly problem: string };

function ask(url: URL, agent: Agent): Promise<Answer> {
  return new Promise((resolve) => {
    const failed = (problem: string): void => resolve({ version: null, problem });
    const request = get(url, { agent, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('error', (error) => failed(`cut off: ${error.message}`));
      response.on('end', () => {
        if (response.statusCode === 200) resolve({ version: (JSON.parse(body) as { version: string }).version });
        else failed(`status ${response.statusCode ?? 0}: ${body.slice(0, 100)}`);
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error) => failed(error.message));
  });
}
