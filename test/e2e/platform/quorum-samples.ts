import { setTimeout as sleep } from 'node:timers/promises';
import { etcdMembers, etcdHealth } from '../../../lab/etcd.ts';
import type { Lab } from '../../../lab/lab.ts';

/** Pause between two looks at all members; ms. */
const PAUSE_MS = 100;

export type QuorumSamples = { readonly looks: number; readonly members: number; readonly mostAway: number };

/** Asks every member of the lab's etcd, again and again, whether it can write. */
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
  const members = etcdMembers(state).length;
  let looks = 0;
  let mostAway = 0;
  while (!signal.aborted) {
    const away = (await etcdHealth(state, lab.paths)).filter(({ healthy }) => !healthy).length;
    looks += 1;
    mostAway = Math.max(mostAway, away);
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return { looks, members, mostAway };
}
