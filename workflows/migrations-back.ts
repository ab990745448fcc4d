import { ask, gate } from './gate.ts';
import { describe, isDone, perform, record, work } from './migrations.ts';
import { onUnit } from './proxies.ts';
import type { Run } from './run.ts';

/** Takes back what the hop at work applied and knows a way back for, the last first. */
export async function undoMigrations(run: Run, when: 'expand' | 'contract'): Promise<'go' | 'abort'> {
  const { applied, planned } = run.hop;
  const names = planned.migrations.filter((one) => one.when === when).map(({ name }) => name);
  for (const name of applied.filter((one) => names.includes(one)).reverse()) {
    if ((await undoOne(run, name)) === 'abort') return 'abort';
  }
  return 'go';
}

async function undoOne(run: Run, name: string): Promise<'go' | 'abort'> {
  const { applied, planned } = run.hop;
  // The release before works with what it did: it stays.
  const hasDown = planned.migrations.some((one) => one.name === name && one.hasDown);
  for (let attempt = 1; hasDown; attempt++) {
    if ((await gate(run)) !== 'go') return 'abort';
    const end = await work(run, name, async () => perform(run, name, { direction: 'down', attempt }));
    if (end === null) return 'abort';
    if (isDone(end)) {
      record(run, name, { ...end, state: 'takenBack' });
      break;
    }
    record(run, name, { ...end, state: 'failed' });
    const what = `the way back of ${describe(name, end)}`;
    const question = { what, host: end.host, answers: ['resume'], isAnswered: () => run.wishes.resume };
    if ((await ask(run, question)) !== 'go') return 'abort';
  }
  applied.splice(applied.indexOf(name), 1);
  return 'go';
}

/** Containers of jobs are kept until nobody asks for their ends any more. One that can't be removed harms nobody, and is told. */
export async function removeMigrationJobs(run: Run): Promise<void> {
  for (const hop of run.hops) {
    if (hop.planned.migrations.length === 0 || hop.state === 'pending') continue;
    const { upgrade, release } = hop.planned;
    const input = { fleet: run.input.fleet, upgrade, release, epoch: run.epoch };
    const summary = `remove the containers of the migrations to ${hop.to}`;
    await run.during({ what: summary, host: null, movedOnBy: 'the engines' }, async () =>
      onUnit.removeMigrationJobs.executeWithOptions({ summary }, [input]),
    );
  }
}
