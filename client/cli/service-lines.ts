import { countOfState, memberName, type MemberProgress, type ServiceProgress } from '../../model/service.ts';
import type { Waiting } from '../../model/upgrade.ts';
import type { Line } from './progress-lines.ts';
import { formatDuration } from './quantity.ts';
import { shortImage } from './standing-lines.ts';
import { commandsOf, waitChanges, waitLines } from './wait-lines.ts';

/** Members that have a line each; of a larger service those in trouble or at work are shown, the others are counted. */
export const MAX_MEMBER_LINES = 40;

/** A service's upgrade at one moment, a line a member. Pure. */
export function serviceLines(progress: ServiceProgress, now: number): readonly Line[] {
  const { startedAt, finishedAt } = progress;
  const took = formatDuration((finishedAt ?? now) - startedAt);
  return [
    { text: `${headOf(progress)}   ${phaseOf(progress)}${progress.state}   ${took}`, tone: 'strong' },
    ...waitLines(shownWaits(progress), now),
    ...memberLines(progress),
  ];
}

/** What is new since the last look, for a log that can't be redrawn. Pure. */
export function serviceChanges(before: ServiceProgress | null, after: ServiceProgress): readonly string[] {
  const isSame = before?.state === after.state && before.phase === after.phase;
  const known = new Map(before?.members.map((member) => [memberName(member), describeMember(member)]));
  return [
    ...(isSame ? [] : [`${headOf(after)}: ${phaseOf(after)}${after.state}`]),
    ...after.members
      .filter((member) => describeMember(member) !== (known.get(memberName(member)) ?? untouched(member)))
      .map(describeMember),
    ...waitChanges(before?.waiting ?? [], after.waiting),
  ];
}

/** `web-1 on host-2 Updating, drain`. */
export function describeMember({ host, container, state, stage, error }: MemberProgress): string {
  const step = stage === null ? '' : `, ${stage}`;
  return `${container} on ${host} ${state}${step}${error === undefined ? '' : `: ${error}`}`;
}

/** Nothing is done to it before an operator has spoken. */
export const isMemberAtWork = ({ stage }: MemberProgress): boolean => stage !== null;

const headOf = ({ id, service, image, fleet }: ServiceProgress): string =>
  `upgrade ${id}: service ${service} to ${shortImage(image)} on fleet ${fleet}`;

const phaseOf = ({ phase }: ServiceProgress): string => (phase === null ? '' : `phase ${phase}, `);

/** A member of which nothing is to be told yet. */
const untouched = ({ host, container, from, awayMs }: MemberProgress): string =>
  describeMember({ host, container, state: 'Active', stage: null, from, to: null, awayMs });

/** A member that is at work has its own line, which says more than the wait for it. */
function shownWaits({ waiting, members }: ServiceProgress): readonly Waiting[] {
  if (members.length <= MAX_MEMBER_LINES) return waiting;
  const working = new Set<string>(members.filter(isMemberAtWork).map(({ host }) => host));
  return waiting.filter((wait) => wait.host === null || !working.has(wait.host) || commandsOf([wait]).length > 0);
}

/** All of a small service; of a larger one first those that failed, then those at work. The others are counted. */
function memberLines(progress: ServiceProgress): readonly Line[] {
  const { members } = progress;
  if (members.length <= MAX_MEMBER_LINES && progress.membersLeftOut === undefined) return linesOf(members);
  const first = members.filter((member) => !isMemberAtWork(member) && toneOf(member) === 'bad');
  const shown = [...first, ...members.filter(isMemberAtWork)].slice(0, MAX_MEMBER_LINES);
  const states = ['Active', 'Updating', 'Failed', 'RolledBack'] as const;
  const counts = states.map((state) => ({ state, count: countOfState(progress, state) }));
  const text = counts.flatMap(({ state, count }) => (count === 0 ? [] : `${count} ${state}`)).join(', ');
  return [...linesOf(shown), { text: `  ${text}`, tone: 'quiet' }];
}

function linesOf(members: readonly MemberProgress[]): readonly Line[] {
  const width = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
  const hosts = width(members.map(({ host }) => host));
  const containers = width(members.map(({ container }) => container));
  const states = width(members.map(({ state }) => state));
  return members.map((member): Line => {
    const { host, container, state, awayMs } = member;
    const away = awayMs === null ? '' : `away for ${formatDuration(awayMs)}`;
    const cells = [host.padEnd(hosts), container.padEnd(containers), state.padEnd(states), imagesOf(member)];
    const rest = member.error ?? member.stage ?? away;
    return { text: `  ${cells.join('  ')}  ${rest}`.trimEnd(), tone: toneOf(member) };
  });
}

function imagesOf({ from, to }: MemberProgress): string {
  const images = [from, ...(to === null || to === from ? [] : [to])];
  return images.map(shortImage).join(' → ');
}

function toneOf({ state, to }: MemberProgress): Line['tone'] {
  if (state === 'Failed' || state === 'RolledBack') return 'bad';
  if (state === 'Updating') return 'working';
  return to === null ? 'quiet' : 'good';
}
