import type { UnitJobEnd } from '../activities/unit-activities.ts';
import type { JobRecord, UnitStep } from '../model/unit-upgrade.ts';
import { onUnit } from './proxies.ts';
import { slotInput } from './unit-input.ts';
import type { UnitRun } from './unit-run.ts';

/** Lines of a failed job's output that a message quotes, from its end; all that is kept stands in the progress. */
const QUOTED_LINES = 3;

/** One after another; why the first that failed did. */
export async function runJobs(run: UnitRun, step: UnitStep, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    const end = await runJob(run, step, { name, direction: 'up' });
    if (end.outcome === 'failed') return describe(name, end);
  }
  return null;
}

/** Those that were applied by an earlier try are not run again. */
export async function runMigrations(run: UnitRun, when: 'expand' | 'contract'): Promise<string | null> {
  for (const { name } of run.plan()[when]) {
    if (run.applied.includes(name)) continue;
    const end = await runJob(run, when, { name, direction: 'up' });
    if (end.outcome === 'failed') return describe(name, end);
    if (end.outcome === 'succeeded') run.applied.push(name);
  }
  return null;
}

/** Takes back what this upgrade applied and knows a way back for, the last first; why the first that failed did. */
export async function undoMigrations(run: UnitRun): Promise<string | null> {
  const undoable = run
    .plan()
    .expand.filter(({ hasDown }) => hasDown)
    .map(({ name }) => name);
  for (const name of run.applied.filter((applied) => undoable.includes(applied)).reverse()) {
    const end = await runJob(run, 'return', { name, direction: 'down' });
    if (end.outcome === 'failed') return describe(`the way back of ${name}`, end);
    run.applied.splice(run.applied.indexOf(name), 1);
  }
  return null;
}

type Job = { readonly name: string; readonly direction: 'up' | 'down' };

async function runJob(run: UnitRun, step: UnitStep, { name, direction }: Job): Promise<UnitJobEnd> {
  const record = (state: JobRecord['state'], end: Omit<UnitJobEnd, 'outcome'>): void =>
    run.markJob({ name: direction === 'up' ? name : `${name} back`, state, ...end });
  const attempt = run.nextAttempt(`${name} ${direction}`);
  record('running', { exitCode: null, output: '' });
  const summary = direction === 'up' ? `${step}: ${name}` : `${step}: ${name} back`;
  const waiting = { what: `${name} to end`, host: null, movedOnBy: 'its container, or its timeout' };
  const { outcome, ...end } = await run.during(waiting, async () =>
    onUnit.runUnitJob.executeWithOptions({ summary }, [{ ...slotInput(run), job: name, direction, attempt }]),
  );
  record(outcome === 'failed' ? 'failed' : 'succeeded', end);
  return { outcome, ...end };
}

function describe(name: string, { exitCode, output }: UnitJobEnd): string {
  const how = exitCode === null ? 'did not end by itself' : `ended with exit code ${exitCode}`;
  const words = output.trim().split('\n').slice(-QUOTED_LINES).join(' | ');
  return `${name} ${how}${words === '' ? '' : `: ${words}`}`;
}
