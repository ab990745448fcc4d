import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiFiles } from '../../../lab/api.ts';
import type { Lab } from '../../../lab/lab.ts';
import { upgraderHosts } from '../../../lab/state.ts';
import { HOST_API_PORT } from '../../../lab/upgrader-files.ts';

const PAUSE_MS = 100;
const REQUEST_TIMEOUT_MS = 5_000;

export type ApiSeen = {
  readonly answered: number;
  /** Answers that are none of 200: one that is not there at all is counted in the gap only. */
  readonly wrong: readonly string[];
  /** Longest time in which none of the APIs answered; ms. */
  readonly longestGapMs: number;
};

/** Asks the lab's APIs for the fleet's upgrades, as somebody would who takes the next one when one is away. */
export function startApiRequests(lab: Lab): { stop(): Promise<ApiSeen> } {
  const stopping = new AbortController();
  const running = requests(lab, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      return running;
    },
  };
}

async function requests(lab: Lab, signal: AbortSignal): Promise<ApiSeen> {
  const state = await lab.state();
  if (state === undefined) throw new Error(`lab ${lab.name} is not up`);
  const token = (await readFile(apiFiles(lab.paths).token, 'utf8')).trim();
  const ca = await readFile(join(lab.paths.tlsFolder, 'ca.pem'));
  const urls = upgraderHosts(state).map(
    ({ address }) => `https://${address}:${HOST_API_PORT}/v1/fleets/${state.lab}/upgrades`,
  );
  const seen = { answered: 0, wrong: [] as string[], longestGapMs: 0 };
  let lastAnswer = performance.now();
  while (!signal.aborted) {
    for (const url of urls) {
      const status = await ask(url, { token, ca });
      if (status === null) continue;
      const now = performance.now();
      seen.longestGapMs = Math.max(seen.longestGapMs, Math.round(now - lastAnswer));
      lastAnswer = now;
      if (status === 200) seen.answered += 1;
      else seen.wrong.push(`${url}: ${status}`);
    }
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return seen;
}

/** null: nobody answered. */
function ask(url: string, { token, ca }: { readonly token: string; readonly ca: Buffer }): Promise<number | null> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}` };
    const request = get(url, { agent: false, ca, headers, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(null));
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', () => resolve(null));
  });
}
