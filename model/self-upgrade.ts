import { MAX_HOST_HOPS } from './plan.ts';

/** Agents that go before everything else: to which version, and of how many hosts. */
export type PlannedAgents = { readonly to: string; readonly hosts: number };

/**
 * Most hosts whose agents go before everything else; of a larger fleet each comes with its download. They cost one history
 * some 15 events a wave of MAX_WAVE_HOSTS, beside the 20 of a hop, of the 51,200 that Temporal takes.
 */
const MAX_AGENTS = MAX_HOST_HOPS / 2;

/**
 * Whose agents go first; `running`: version of each host's agent that lives, else null; `to` null: nothing says what the
 * release's is. On a way of several hops each release brings its own with its download: one from the end of it would only
 * be replaced again. null: nobody's. Pure.
 */
export function planAgents(
  to: string | null,
  { running, hops }: { readonly running: readonly (string | null)[]; readonly hops: number },
): PlannedAgents | null {
  if (to === null || hops > 1 || running.length > MAX_AGENTS) return null;
  const hosts = running.filter((agent) => agent !== null && agent !== to).length;
  return hosts === 0 ? null : { to, hosts };
}
