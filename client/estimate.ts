import type { Hop, Wave } from '../model/plan.ts';
import type { Progress } from '../model/upgrade.ts';

/** How long the installs of a plan will take, by what earlier upgrades took; none: nothing tells. */
export type Estimate =
  | {
      readonly estimate: 'known';
      /** Of all hops; downloads, services and migrations come on top. */
      readonly installMs: number;
      readonly hops: readonly { readonly to: string; readonly turns: number; readonly installMs: number }[];
      /** What it was taken from: the median of so many hosts of these upgrades. */
      readonly hostMs: number;
      readonly hosts: number;
      readonly upgrades: readonly string[];
    }
  | { readonly estimate: 'none'; readonly because: string };

/** `earlier`: how upgrades of the fleet ended; text: why nobody could say. Pure. */
export function estimateTime(earlier: readonly Progress[] | string, hops: readonly Hop[]): Estimate {
  if (typeof earlier === 'string') return { estimate: 'none', because: earlier };
  const judged = earlier
    .filter(({ state }) => state === 'succeeded')
    .map(({ id, hosts }) => ({ id, times: installTimes(hosts) }))
    .filter(({ times }) => times.length > 0);
  const times = judged.flatMap((each) => each.times);
  const hostMs = median(times);
  if (hostMs === null) return { estimate: 'none', because: 'there is no earlier upgrade to judge by' };
  const timed = hops.map((hop) => {
    const turns = turnsOf(hop.waves);
    return { to: hop.to, turns, installMs: turns * hostMs };
  });
  const installMs = timed.reduce((sum, hop) => sum + hop.installMs, 0);
  return {
    estimate: 'known',
    installMs,
    hops: timed,
    hostMs,
    hosts: times.length,
    upgrades: judged.map(({ id }) => id),
  };
}

/** How many installs go one after another: waves do, and so do the hosts of one beyond those that may be away at once. */
export const turnsOf = (waves: readonly Wave[]): number => waves.reduce((sum, wave) => sum + turnsOfWave(wave), 0);

function turnsOfWave({ hosts, maxUnavailable, gatekeeper }: Wave): number {
  const isFirstAlone = gatekeeper && hosts.length > 1;
  const together = isFirstAlone ? hosts.length - 1 : hosts.length;
  return (isFirstAlone ? 1 : 0) + Math.ceil(together / maxUnavailable);
}

/** By each host’s own clock; of a host that was left as it is, or taken back, the time says nothing. */
function installTimes(hosts: Progress['hosts']): readonly number[] {
  return hosts.flatMap(({ state, startedAt, finishedAt }) =>
    state === 'done' && startedAt !== null && finishedAt !== null && finishedAt >= startedAt
      ? [finishedAt - startedAt]
      : [],
  );
}

function median(numbers: readonly number[]): number | null {
  const sorted = [...numbers].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? null : Math.round((low + high) / 2);
}
