import { isEnded, isFailure } from '../../model/host.ts';
import type { HostProgress, Progress, Waiting } from '../../model/upgrade.ts';
import { isHostAtWork } from '../merge-progress.ts';
import { describeHop, hopLines, versionAtWork, wayBackLines } from './hop-lines.ts';
import { migrationChanges, migrationLines } from './migration-lines.ts';
import { formatDuration } from './quantity.ts';
import { standingChanges, standingLines } from './standing-lines.ts';
import { nextCommands } from './verdict.ts';
import { mover } from './wait-lines.ts';

/** One line for people; the tone becomes a colour where there are colours. */
export type Line = { readonly text: string; readonly tone: 'plain' | 'strong' | 'quiet' | 'working' | 'good' | 'bad' };

/** Hosts that have a line each; of a larger fleet those at work or in trouble are shown, the others are counted. */
export const MAX_HOST_LINES = 40;

/** The whole upgrade at one moment, a line a host. Pure. */
export function progressLines(progress: Progress, now: number): readonly Line[] {
  return [
    headline(progress, now),
    ...hopLines(progress),
    ...waitLines(progress, now),
    ...wayBackLines(progress),
    ...hostLines(progress, now),
    ...standingLines(progress.services),
    ...migrationLines(progress),
  ];
}

/** What is new since the last look, for a log that can't be redrawn. Pure. */
export function changeLines(before: Progress | null, after: Progress): readonly string[] {
  const { id, release, fleet, phase, state } = after;
  const isSamePhase = before?.phase === phase && before.state === state && before.release === release;
  const known = new Map(before?.hosts.map((host) => [host.name, newsOf(host)]));
  const waits = new Set(before?.waiting.map((wait) => wait.what));
  const hop = describeHop(after);
  return [
    ...(isSamePhase ? [] : [`upgrade ${id}: ${release} on fleet ${fleet}: ${phase}, ${state}`]),
    ...(hop === null || (before !== null && hop === describeHop(before)) ? [] : [hop]),
    ...after.hosts
      // One that has not begun is no news, nor that the next hop has not.
      .filter((host) => host.state !== 'pending')
      .filter((host) => newsOf(host) !== (known.get(host.name) ?? newsOf({ ...host, state: 'pending' })))
      .map((host) => describeHost(host, targetOfHost(host, after))),
    ...standingChanges(before?.services ?? [], after.services),
    ...migrationChanges(before, after),
    ...shownWaits(after)
      .filter((wait) => !waits.has(wait.what))
      .map((wait) => `waits for ${wait.what}${mover(wait)}`),
  ];
}

/** `host-2 installing 1.0.0 → 2.0.0, packages 2/5`. `target`: where it is on its way to. */
export function describeHost(host: HostProgress, target: string | null): string {
  const step = host.step !== null && !isDone(host) ? `, ${host.step}` : '';
  const error = host.error === undefined ? '' : `: ${host.error}`;
  return `${host.name} ${host.state} ${versions(host, target)}${step}${error}`.trimEnd();
}

/** An ended host's own word counts: it may have gone back, or nowhere. */
export function versions({ from, to, state }: HostProgress, target: string | null): string {
  const end = to ?? (isEnded(state) ? null : target);
  if (end === null || end === from) return from ?? '';
  return `${from ?? 'nothing'} → ${end}`;
}

function headline(progress: Progress, now: number): Line {
  const { id, release, fleet, phase, state, startedAt, finishedAt } = progress;
  const took = formatDuration((finishedAt ?? now) - startedAt);
  return { text: `upgrade ${id}: ${release} on fleet ${fleet}   ${phase}, ${state}   ${took}`, tone: 'strong' };
}

function waitLines(progress: Progress, now: number): readonly Line[] {
  const waits = shownWaits(progress).map((wait): Line => {
    const bound = wait.until === null ? '' : `, at most ${formatDuration(wait.until - now)} more`;
    return {
      text: `waits for ${wait.what}, since ${formatDuration(now - wait.since)}${bound}${mover(wait)}`,
      tone: 'working',
    };
  });
  return [...waits, ...nextCommands(progress).map((command): Line => ({ text: `  ${command}`, tone: 'plain' }))];
}

/** A host at work has its own line, which says more than the wait for it. */
function shownWaits({ waiting, hosts }: Progress): readonly Waiting[] {
  const working = new Set<string>(hosts.filter(isHostAtWork).map((host) => host.name));
  return waiting.filter((wait) => wait.host === null || !working.has(wait.host));
}

function hostLines(progress: Progress, now: number): readonly Line[] {
  const { hosts } = progress;
  const path = (host: HostProgress): string => versions(host, targetOfHost(host, progress));
  const shown = hosts.length <= MAX_HOST_LINES ? hosts : hosts.filter(isOfInterest).slice(0, MAX_HOST_LINES);
  const width = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
  const names = width(shown.map((host) => host.name));
  const states = width(shown.map((host) => host.state));
  const paths = width(shown.map(path));
  const lines = shown.map((host): Line => {
    const cells = [host.name.padEnd(names), host.state.padEnd(states), path(host).padEnd(paths), took(host, now)];
    const rest = host.error ?? (isDone(host) ? '' : (host.step ?? ''));
    return { text: `  ${cells.join('  ')}  ${rest}`.trimEnd(), tone: tone(host) };
  });
  return shown.length === hosts.length ? lines : [...lines, { text: `  ${countStates(hosts)}`, tone: 'quiet' }];
}

/** `3 done, 2 installing, 95 pending`. */
export function countStates(hosts: readonly HostProgress[]): string {
  const counts = new Map<string, number>();
  for (const host of hosts) counts.set(host.state, (counts.get(host.state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
}

function took(host: HostProgress, now: number): string {
  if (host.startedAt === null) return ''.padEnd(TIME_WIDTH);
  const end = host.finishedAt ?? (isEnded(host.state) ? host.startedAt : now);
  return formatDuration(end - host.startedAt).padStart(TIME_WIDTH);
}

/** `59m 59s` fits. */
const TIME_WIDTH = 7;

function tone(host: HostProgress): Line['tone'] {
  if (isFailure(host.state)) return 'bad';
  if (isDone(host)) return 'good';
  return isHostAtWork(host) ? 'working' : 'quiet';
}

/** What makes a line of a log: a state, and a step of an install; not each percent of a download. */
const newsOf = (host: HostProgress): string =>
  [host.state, host.error ?? '', isHostAtWork(host) && host.state !== 'downloading' ? (host.step ?? '') : ''].join('|');

/** A host at work is on its way to the end of its hop, any other to the end of the path. */
const targetOfHost = (host: HostProgress, progress: Progress): string | null =>
  (isHostAtWork(host) ? versionAtWork(progress) : null) ?? targetOf(progress);

/** The version that hosts are on their way to, once the release was read: `sample 2.0.0` → `2.0.0`. */
export const targetOf = ({ release }: Pick<Progress, 'release'>): string | null => release.split(' ')[1] ?? null;

const isOfInterest = (host: HostProgress): boolean => isHostAtWork(host) || isFailure(host.state);
const isDone = ({ state }: HostProgress): boolean => isEnded(state) && !isFailure(state);
