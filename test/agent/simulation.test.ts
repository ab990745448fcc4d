import { expect, test } from 'vitest';
import { isNightly } from '../nightly.ts';
import { runSchedule, type ScheduleEnd } from './simulation/schedule.ts';

/**
 * Schedules of one run; two dozen take a second. REFIT_SCHEDULES sets another number, REFIT_FIRST_SEED where they begin, else
 * anywhere; REFIT_SEED replays one schedule and prints what happened.
 */
const SCHEDULES = Number(process.env['REFIT_SCHEDULES'] ?? (isNightly ? 20_000 : 600));
/** A slow machine may stop earlier, but not before this many. */
const LEAST_SCHEDULES = Math.min(SCHEDULES, 3_000);
const BUDGET_MS = 300_000;
/** Schedules in which a wrong disk has to show: one in eight does. */
const BROKEN_SCHEDULES = 200;
/** Different promises that it breaks by then. */
const BROKEN_PROMISES = 4;
/** Schedules in which a kernel that goes while it runs has to show: it does within a few dozen. */
const KERNEL_SCHEDULES = 500;
/** Schedules in which an order that was not withdrawn has to show: one in a hundred does. */
const KEPT_SCHEDULES = 1_000;

test(
  'no schedule of kills, lost and stale orders, wipes and failures breaks a promise',
  { timeout: 600_000 },
  async () => {
    const replayed = process.env['REFIT_SEED'];
    const firstSeed = Number(replayed ?? process.env['REFIT_FIRST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    const startedAt = performance.now();
    const broken: ScheduleEnd[] = [];
    let count = 0;
    while (count < (replayed === undefined ? SCHEDULES : 1) && broken.length === 0) {
      if (count >= LEAST_SCHEDULES && performance.now() - startedAt > BUDGET_MS) break;
      const end = await runSchedule((firstSeed + count) % 2 ** 32);
      if (end.violation !== null) broken.push(end);
      count += 1;
    }

    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.log(`simulation: ${count} schedules from seed ${firstSeed} in ${seconds} s`);
    expect(await describeBroken(broken)).toBe('');
  },
);

test('the simulation sees a disk that forgets what it said was written', { timeout: 120_000 }, async () => {
  const violations = new Set<string>();
  for (let seed = 1; seed <= BROKEN_SCHEDULES && violations.size < BROKEN_PROMISES; seed += 1) {
    const { violation } = await runSchedule(seed, { broken: 'disk forgets' });
    if (violation !== null) violations.add(violation.replaceAll(/h\d/g, 'a host'));
  }

  expect(violations.size).toBe(BROKEN_PROMISES);
});

test('the simulation sees a way back that removes the kernel that runs', { timeout: 120_000 }, async () => {
  const violations: (string | null)[] = [];
  for (let seed = 1; seed <= KERNEL_SCHEDULES && !violations.some(isKernelRemoved); seed += 1) {
    violations.push((await runSchedule(seed, { broken: 'kernel stays' })).violation);
  }

  expect(violations.some(isKernelRemoved)).toBe(true);
});

test(
  'the simulation sees a run that leaves what hosts that were cut off had not answered',
  { timeout: 120_000 },
  async () => {
    const violations: (string | null)[] = [];
    for (let seed = 1; seed <= KEPT_SCHEDULES && !violations.some(isTwoAtWork); seed += 1) {
      violations.push((await runSchedule(seed, { broken: 'orders stay' })).violation);
    }

    expect(violations.filter(isTwoAtWork)).toHaveLength(1);
  },
);

test('a seed gives the same schedule every time', async () => {
  const [first, second] = [await runSchedule(42, { traced: true }), await runSchedule(42, { traced: true })];

  expect(first.trace.length).toBeGreaterThan(20);
  expect(second.trace).toEqual(first.trace);
});

const isKernelRemoved = (violation: string | null): boolean => violation?.includes('removes the kernel') === true;
const isTwoAtWork = (violation: string | null): boolean => violation?.includes('at work at the same time') === true;

async function describeBroken(broken: readonly ScheduleEnd[]): Promise<string> {
  const [first] = broken;
  if (first === undefined) return '';
  const { trace } = await runSchedule(first.seed, { traced: true });
  return `${first.violation ?? ''}; replay it with REFIT_SEED=${first.seed}\n${trace.join('\n')}`;
}
