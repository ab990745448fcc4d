import { isFailure } from '../model/host.ts';
import { takePage } from '../model/pages.ts';
import { countStates, type MemberProgress, type ServiceProgress } from '../model/service.ts';
import type { UnitMemberProgress, UnitProgress } from '../model/unit-upgrade.ts';
import type { HostProgress, Progress } from '../model/upgrade.ts';
import { fitOutputs } from './fit.ts';

/** Longest record of an ended upgrade; characters. A payload of Temporal's stays under 16 kB. */
const MAX_RECORD_LENGTH = 14_000;
/** Longest error, and longest list of findings, in the record of a service; characters. There is to be room for members. */
const TEXT_LENGTH = 4_000;
/** Decisions that the record keeps; all of them are in the history. */
const MAX_KEPT_DECISIONS = 10;

/** What Temporal keeps of an upgrade that is over: as many hosts as there is room for, those that failed first. */
export function closingProgress(progress: Progress): Progress {
  const rest = { ...progress, waiting: [], decisions: progress.decisions.slice(-MAX_KEPT_DECISIONS), hosts: [] };
  const rankOf = ({ state }: HostProgress): number => (isFailure(state) || state === 'skipped' ? 0 : 1);
  const hosts = fitBeside(rest, progress.hosts, rankOf);
  const hostsLeftOut = progress.hosts.length - hosts.length;
  return { ...rest, hosts, ...(hostsLeftOut > 0 && { hostsLeftOut }) };
}

/** As an upgrade's, with members: first those that failed, then those that were changed. */
export function closingService(progress: ServiceProgress): ServiceProgress {
  const rest = {
    ...{ ...progress, waiting: [], decisions: progress.decisions.slice(-MAX_KEPT_DECISIONS), members: [] },
    error: progress.error?.slice(0, TEXT_LENGTH) ?? null,
    findings: takePage(progress.findings, { length: TEXT_LENGTH, items: progress.findings.length }),
  };
  const rankOf = ({ error, to }: MemberProgress): number => (error !== undefined ? 0 : to === null ? 2 : 1);
  const members = fitBeside(rest, progress.members, rankOf);
  if (members.length === progress.members.length) return { ...rest, members };
  const kept = new Set(members);
  return { ...rest, members, membersLeftOut: countStates(progress.members.filter((member) => !kept.has(member))) };
}

/** As an upgrade's: the output of jobs, of those that failed first; then as many members as there is room for. */
export function closingUnit(progress: UnitProgress): UnitProgress {
  const { decisions, findings, error } = progress;
  const rest = {
    ...{ ...progress, waiting: [], decisions: decisions.slice(-MAX_KEPT_DECISIONS), members: [] },
    error: error?.slice(0, TEXT_LENGTH) ?? null,
    findings: takePage(findings, { length: TEXT_LENGTH, items: findings.length }),
    jobs: fitOutputs(progress.jobs, TEXT_LENGTH),
  };
  const rankOf = ({ state }: UnitMemberProgress): number => (state === 'failed' ? 0 : 1);
  return { ...rest, members: fitBeside(rest, progress.members, rankOf) };
}

/** Those that there is room for beside the rest, in their own order; those of the lowest rank first. */
function fitBeside<Item>(rest: object, items: readonly Item[], rankOf: (item: Item) => number): readonly Item[] {
  let room = MAX_RECORD_LENGTH - JSON.stringify(rest).length;
  const kept = new Set<Item>();
  for (const item of [...items].sort((a, b) => rankOf(a) - rankOf(b))) {
    room -= JSON.stringify(item).length + 1;
    if (room < 0) break;
    kept.add(item);
  }
  return items.filter((item) => kept.has(item));
}
