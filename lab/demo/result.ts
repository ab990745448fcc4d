import { table } from '../../client/cli/table.ts';
import type { Seen } from './load.ts';
import { versionOf, type Measured } from './measure.ts';
import type { Serving } from './unit.ts';

export type Result = {
  readonly before: readonly Measured[];
  readonly after: readonly Measured[];
  readonly seen: ReadonlyMap<string, Seen>;
  /** By the host's name, ms; hosts that were not touched are left out. */
  readonly times: ReadonlyMap<string, number>;
};

/** A row a host: what it was and is, what changed, how long it took, and what its users saw. */
export function resultTable({ before, after, seen, times }: Result): string {
  const rows = after.map((now) => {
    const was = before.find(({ host }) => host === now.host);
    const users = seen.get(now.host);
    const took = times.get(now.host);
    return [
      now.host,
      `${(was && versionOf(was)) ?? 'nothing'} → ${versionOf(now) ?? describe(now)}`,
      was === undefined ? '' : changes(was, now).join(', ') || 'nothing',
      took === undefined ? 'not touched' : formatMs(took),
      users === undefined || took === undefined ? '' : formatMs(users.longestGapMs),
      users === undefined ? '' : `${users.answered} answered, ${users.failed} failed`,
    ];
  });
  return table([['HOST', 'MEASURED', 'CHANGED', 'TOOK', 'AWAY', 'REQUESTS'], ...rows]);
}

/** What became of the service behind the load balancer, and what its users saw. */
export function serviceLine(after: readonly Measured[], seen: Seen | undefined): string {
  const versions = after.flatMap(({ web }) => web);
  const counts = [...new Set(versions)].map((version) => {
    const count = versions.filter((one) => one === version).length;
    return `${count} of ${versions.length} members at ${version}`;
  });
  const users =
    seen === undefined ? '' : `; through the load balancer ${seen.answered} requests answered, ${seen.failed} failed`;
  return `service web: ${counts.join(', ') || 'no member answers'}${users}`;
}

/** Which slot of the unit serves now, and what its users saw of the change. */
export function unitLine({ before, after, seen }: UnitResult): string {
  const now = after === null ? 'nobody answers' : `${after.version} serves out of slot ${after.slot}`;
  const was = before === null ? '' : ` (before: ${before.version} out of ${before.slot})`;
  return `unit shop: ${now}${was}; through the load balancer ${seen.answered} requests answered, ${seen.failed} failed`;
}

export type UnitResult = { readonly before: Serving | null; readonly after: Serving | null; readonly seen: Seen };

export const formatMs = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`);

/** What is not the same as before. */
export function changes(was: Measured, now: Measured): readonly string[] {
  const parts: readonly (readonly [string, boolean])[] = [
    ['packages', was.cli !== now.cli],
    ['daemon', was.daemon !== now.daemon],
    ['configuration', was.configuration !== now.configuration],
    ['name server', was.dns !== now.dns],
    ['restarted', was.boot !== now.boot],
  ];
  return parts.filter(([, isChanged]) => isChanged).map(([name]) => name);
}

/** For a host whose parts do not agree. */
function describe({ daemon, cli, dns }: Measured): string {
  return `daemon ${daemon ?? '?'}, packages ${cli ?? '?'}, dns ${dns ?? '?'}`;
}
