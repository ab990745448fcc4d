import { isFailure } from '../model/host.ts';
import type { MemberProgress, ServiceProgress } from '../model/service.ts';
import type { HostProgress, Progress } from '../model/upgrade.ts';

/** Longest record of an ended upgrade; characters. A payload of Temporal's stays under 16 kB. */
const MAX_RECORD_LENGTH = 14_000;
/** Decisions that the record keeps; all of them are in the history. */
const MAX_KEPT_DECISIONS = 10;

/** What Temporal keeps of an upgrade that is over: as many hosts as there is room for, those that failed first. */
export function closingProgress(progress: Progress): Progress {
  const rest = { ...progress, waiting: [], decisions: progress.decisions.slice(-MAX_KEPT_DECISIONS), hosts: [] };
  const isOfInterest = ({ state }: HostProgress): boolean => isFailure(state) || state === 'skipped';
  const hosts = fitBeside(rest, progress.hosts, isOfInterest);
  const hostsLeftOut = progress.hosts.length - hosts.length;
  return { ...rest, hosts, ...(hostsLeftOut > 0 && { hostsLeftOut }) };
}

/** As an upgrade's, with members. */
export function closingService(progress: ServiceProgress): ServiceProgress {
  const rest = { ...progress, waiting: [], decisions: progress.decisions.slice(-MAX_KEPT_DECISIONS), members: [] };
  const isOfInterest = ({ error }: MemberProgress): boolean => error !== undefined;
  const members = fitBeside(rest, progress.members, isOfInterest);
  const membersLeftOut = progress.members.length - members.length;
  return { ...rest, members, ...(membersLeftOut > 0 && { membersLeftOut }) };
}

/** Those that there is room for beside the rest, in their own order; first come those of interest. */
function fitBeside<Item>(rest: object, items: readonly Item[], isOfInterest: (item: Item) => boolean): readonly Item[] {
  let room = MAX_RECORD_LENGTH - JSON.stringify(rest).length;
  const kept = new Set<Item>();
  for (const item of [...items.filter(isOfInterest), ...items.filter((each) => !isOfInterest(each))]) {
    room -= JSON.stringify(item).length + 1;
    if (room < 0) break;
    kept.add(item);
  }
  return items.filter((item) => kept.has(item));
}
