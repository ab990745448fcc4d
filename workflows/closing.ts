import { isFailure } from '../model/host.ts';
import type { HostProgress, Progress } from '../model/upgrade.ts';

/** Longest record of an ended upgrade; characters. A payload of Temporal's stays under 16 kB. */
const MAX_RECORD_LENGTH = 14_000;
/** Decisions that the record keeps; all of them are in the history. */
const MAX_KEPT_DECISIONS = 10;

/** What Temporal keeps of an upgrade that is over: as many hosts as there is room for, those that failed first. */
export function closingProgress(progress: Progress): Progress {
  const rest = { ...progress, waiting: [], decisions: progress.decisions.slice(-MAX_KEPT_DECISIONS), hosts: [] };
  let room = MAX_RECORD_LENGTH - JSON.stringify(rest).length;
  const kept = new Set<HostProgress>();
  for (const host of byInterest(progress.hosts)) {
    room -= JSON.stringify(host).length + 1;
    if (room < 0) break;
    kept.add(host);
  }
  const hostsLeftOut = progress.hosts.length - kept.size;
  return { ...rest, hosts: progress.hosts.filter((host) => kept.has(host)), ...(hostsLeftOut > 0 && { hostsLeftOut }) };
}

function byInterest(hosts: readonly HostProgress[]): readonly HostProgress[] {
  const isOfInterest = ({ state }: HostProgress): boolean => isFailure(state) || state === 'skipped';
  return [...hosts.filter(isOfInterest), ...hosts.filter((host) => !isOfInterest(host))];
}
