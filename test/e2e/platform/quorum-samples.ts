import { setTimeout as sleep } from 'node:timers/promises';
import { etcdHealth, etcdMembers } from '../../../lab/etcd.ts';
import { get } from '../../../lab/http.ts';
import type { Lab } from '../../../lab/lab.ts';

/** Pause between two looks at all members; ms. */
const PAUSE_MS = 100;

export type QuorumSamples = {
  readonly looks: number;
  readonly members: number;
  /** Members that did not answer at all, in the worst of the looks. */
  readonly mostAway: number;
  /** Longest time in which no member could write: one whose leader restarts holds an election; ms. */
  readonly longestStillMs: number;
};

/** Asks every member of the lab's etcd, again and again, whether it is there, and whether it can write. */
export function startQuorumSamples(lab: Lab): { stop(): Promise<QuorumSamples> } {
  const stopping = new AbortController();
  const running = sample(lab, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      return running;
    },
  };
}

async function sample(lab: Lab, signal: AbortSignal): Promise<QuorumSamples> {
  const state = await lab.state();
  if (state === undefined) throw new Error(`lab ${lab.name} is not up`);
  const ports = etcdMembers(state).map(({ port }) => port);
  let [looks, mostAway, longestStillMs] = [0, 0, 0];
  let lastWritable = performance.now();
  while (!signal.aborted) {
    const [there, healthy] = await Promise.all([Promise.all(ports.map(isThere)), etcdHealth(state, lab.paths)]);
    const now = performance.now();
    if (healthy.some((member) => member.healthy)) lastWritable = now;
    longestStillMs = Math.max(longestStillMs, Math.round(now - lastWritable));
    looks += 1;
    mostAway = Math.max(mostAway, there.filter((one) => !one).length);
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return { looks, members: ports.length, mostAway, longestStillMs };
}

/** Its version needs no leader. */
const isThere = (port: number): Promise<boolean> =>
  get(`http://127.0.0.1:${port}/version`).then(
    ({ status }) => status === 200,
    () => false,
  );
