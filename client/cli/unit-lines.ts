import type { UnitMemberProgress, UnitProgress, UnitStepProgress } from '../../model/unit-upgrade.ts';
import type { Waiting } from '../../model/upgrade.ts';
import type { Line } from './progress-lines.ts';
import { formatDuration } from './quantity.ts';
import { table } from './table.ts';
import { jobChanges, jobLines } from './unit-job-lines.ts';
import { commandsOf, waitChanges, waitLines } from './wait-lines.ts';

/** A unit's upgrade at one moment: its steps, and what of its members and jobs is at work or failed. Pure. */
export const unitLines = (progress: UnitProgress, now: number): readonly Line[] => [
  ...headLines(progress, now),
  ...stepLines(progress.steps, now),
  ...memberLines(progress.members),
  ...jobLines(progress.jobs),
  ...trafficLines(progress),
];

/** What it is, which slot takes the requests, and what it waits for. */
function headLines(progress: UnitProgress, now: number): readonly Line[] {
  const { state, startedAt, finishedAt } = progress;
  const took = formatDuration((finishedAt ?? now) - startedAt);
  const where = slotsText(progress);
  return [
    { text: `${headOf(progress)}   ${stepOf(progress)}${state}   ${took}`, tone: 'strong' },
    ...(where === null ? [] : [{ text: `  ${where}`, tone: 'quiet' } as const]),
    ...waitLines(shownWaits(progress), now),
  ];
}

/** What is new since the last look, for a log that can't be redrawn. Pure. */
export function unitChanges(before: UnitProgress | null, after: UnitProgress): readonly string[] {
  const isSame = before?.state === after.state && before.step === after.step;
  const where = slotsText(after);
  const failed = (progress: UnitProgress): readonly string[] =>
    progress.steps.filter(({ state }) => state === 'failed').map(describeStep);
  const known = new Set(before === null ? [] : [...failed(before), ...before.members.map(describeMember)]);
  return [
    ...(isSame ? [] : [`${headOf(after)}: ${stepOf(after)}${after.state}`]),
    ...(where === null || (before !== null && slotsText(before) === where) ? [] : [where]),
    ...after.members
      .filter(isSettled)
      .map(describeMember)
      .filter((text) => !known.has(text)),
    ...jobChanges(before?.jobs ?? [], after.jobs),
    ...failed(after).filter((text) => !known.has(text)),
    ...waitChanges(before === null ? [] : shownWaits(before), shownWaits(after)),
  ];
}

/** `slot blue takes the requests, green stands by`; null: none does yet. */
export function slotsText({ active, standby }: Pick<UnitProgress, 'active' | 'standby'>): string | null {
  if (active === null) return null;
  return `slot ${active} takes the requests${standby === null ? '' : `, ${standby} stands by`}`;
}

/** A member that starts has its own line, which says more than the wait for it; several wait for one engine. */
function shownWaits({ waiting, members }: UnitProgress): readonly Waiting[] {
  const starting = new Set<string>(members.filter(({ state }) => state === 'starting').map(({ host }) => host));
  const shown = waiting.filter(
    (wait) => wait.host === null || !starting.has(wait.host) || commandsOf([wait]).length > 0,
  );
  return shown.filter(({ what }, index) => shown.findIndex((wait) => wait.what === what) === index);
}

const headOf = ({ id, unit, release, fleet }: UnitProgress): string =>
  release === null
    ? `upgrade ${id}: standby slot of unit ${unit} goes on fleet ${fleet}`
    : `upgrade ${id}: unit ${unit} to ${release} on fleet ${fleet}`;

const stepOf = ({ step }: UnitProgress): string => (step === null ? '' : `step ${step}, `);

const describeStep = ({ name, state, detail }: UnitStepProgress): string =>
  `step ${name} ${state}${detail === null ? '' : `: ${detail}`}`;

/** `shop-green-web-1 on host-2 failed: it exited with 1`. */
export const describeMember = ({ host, container, state, error }: UnitMemberProgress): string =>
  `${container} on ${host} ${state}${error === undefined ? '' : `: ${error}`}`;

/** What comes before is seen in the steps; a line each would hide the rest of a log. */
const isSettled = ({ state }: UnitMemberProgress): boolean => state === 'healthy' || state === 'failed';

/** A line for each that has begun, and for each that was left out for a reason. */
function stepLines(steps: readonly UnitStepProgress[], now: number): readonly Line[] {
  const shown = steps.filter(({ state, detail }) => state !== 'pending' && (state !== 'skipped' || detail !== null));
  const rows = shown.map((step) => [step.name, step.state, tookOf(step, now), step.detail ?? '']);
  return aligned(rows, (index) => toneOfStep(shown[index]?.state));
}

function tookOf({ startedAt, finishedAt, state }: UnitStepProgress, now: number): string {
  if (startedAt === null || state === 'skipped') return ''.padStart(TIME_WIDTH);
  return formatDuration((finishedAt ?? now) - startedAt).padStart(TIME_WIDTH);
}

/** `59m 59s` fits. */
const TIME_WIDTH = 7;

/** Members at work, those that failed, and how many there are in each state. */
function memberLines(members: readonly UnitMemberProgress[]): readonly Line[] {
  if (members.length === 0) return [];
  const shown = members.filter(({ state }) => state === 'starting' || state === 'failed');
  const rows = shown.map(({ host, container, state, error }) => [host, container, state, error ?? '']);
  const counts = new Map<string, number>();
  for (const { state } of members) counts.set(state, (counts.get(state) ?? 0) + 1);
  const text = [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
  return [
    ...aligned(rows, (index) => (shown[index]?.state === 'failed' ? 'bad' : 'working')),
    { text: `  members: ${text}`, tone: 'quiet' },
  ];
}

/** `new slot since the cutover: 1200 requests, 3 errors (0.25%)`. */
function trafficLines({ traffic }: UnitProgress): readonly Line[] {
  if (traffic === null) return [];
  const { requests, errors } = traffic;
  const rate = requests === 0 ? '' : ` (${Number(((100 * errors) / requests).toFixed(2))}%)`;
  const text = `  new slot since the cutover: ${requests} requests, ${errors} errors${rate}`;
  return [{ text, tone: errors === 0 ? 'plain' : 'working' }];
}

/** A text of several lines, such as a failure's, takes one: else the tones would be those of other rows. */
function aligned(rows: readonly (readonly string[])[], toneAt: (index: number) => Line['tone']): readonly Line[] {
  if (rows.length === 0) return [];
  return table(rows.map((row) => row.map((cell) => cell.replace(/\s*\n\s*/g, ' '))))
    .split('\n')
    .map((text, index) => ({ text: `  ${text}`, tone: toneAt(index) }));
}

function toneOfStep(state: UnitStepProgress['state'] | undefined): Line['tone'] {
  if (state === 'failed') return 'bad';
  if (state === 'done') return 'good';
  return state === 'running' ? 'working' : 'quiet';
}
