import type { HostProgress } from '../model/upgrade.ts';
import type { HopRun } from './hop-run.ts';

/** Each host once: as the hop at work has it, else the last one before that it was in, else the first that it will be in. */
export function hostsOfPath(hops: readonly HopRun[], at: number): readonly HostProgress[] {
  if (hops.length === 1) return [...(hops[0]?.hosts.values() ?? [])];
  const names = new Set(hops.flatMap(({ hosts }) => [...hosts.keys()]));
  return [...names].flatMap((name) => {
    const places = hops.map(({ hosts }) => hosts.get(name));
    const shown =
      places.slice(0, at + 1).findLast((host) => host !== undefined) ?? places.find((host) => host !== undefined);
    const from = places.find((host) => host !== undefined)?.from ?? null;
    return shown === undefined ? [] : [{ ...shown, from }];
  });
}
