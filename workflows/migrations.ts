import { isCancellation, rootCause } from '@temporalio/workflow';
import type { MigrationEnd } from '../activities/migration-activities.ts';
import { failureTypes } from '../model/failures.ts';
import type { PlannedMigration } from '../model/plan.ts';
import type { MigrationRecord } from '../model/upgrade.ts';
import { ask, gate, insist, isFenced, isOfType } from './gate.ts';
import { onUnit } from './proxies.ts';
import type { Ending, Run } from './run.ts';

/** Lines of a failed migration's output that a message quotes, from its end; all that is kept stands in the progress. */
const QUOTED_LINES = 3;
/** Under which a hop's backup stands among its migrations. */
const BACKUP = 'backup';

/** Migrations phase, in two parts: what the new services need before them, what the old ones needed after them. */
export const migrateBefore = async (run: Run): Promise<Ending> => migrate(run, 'expand');
export const migrateAfter = async (run: Run): Promise<Ending> => migrate(run, 'contract');

async function migrate(run: Run, when: PlannedMigration['when']): Promise<Ending> {
  const migrations = run.hop.planned.migrations.filter((migration) => migration.when === when);
  if (migrations.length === 0) return run.ending();
  run.enter('running', 'migrations');
  for (const migration of migrations) {
    const ending = await apply(run, migration);
    if (ending !== 'go') return ending;
  }
  return 'go';
}

/**
 * 1. What its check finds applied is not asked about, not backed up for and not run.
 * 2. One without a way back waits for an operator's approval, unless the policy lets it pass.
 * 3. The hop's backup is made, and verified, before the first that is run.
 * 4. What is begun is waited for, whatever an operator wishes meanwhile.
 */
async function apply(run: Run, migration: PlannedMigration): Promise<Ending> {
  const { name } = migration;
  const turn = await gate(run);
  if (turn !== 'go') return turn;
  const checked = await work(run, name, async () => perform(run, name, { direction: 'check' }));
  if (checked === null) return run.wishes.ending ?? 'abort';
  if (checked.outcome === 'alreadyDone') {
    if (!run.hop.applied.includes(name)) record(run, name, { ...checked, state: 'alreadyApplied' });
    return run.ending();
  }
  const approved = (await approval(run, migration)) ?? (await backUp(run));
  return approved === 'go' ? runUp(run, migration) : approved;
}

/** The point of no return. null: go on. */
async function approval(run: Run, { name, isPointOfNoReturn }: PlannedMigration): Promise<Ending | null> {
  const { policy } = run.input;
  if (!isPointOfNoReturn || policy.pointsOfNoReturn === 'pass' || run.wishes.approved.has(name)) return null;
  const ending = await ask(run, {
    what: `approval of migration ${name} of ${run.hop.to}: it has no way back, so that no roll back goes past it`,
    host: null,
    answers: [`approve ${name}`],
    isAnswered: () => run.wishes.approved.has(name),
  });
  return ending === 'go' ? null : ending;
}

async function backUp(run: Run): Promise<Ending> {
  const { hop } = run;
  if (hop.hasBackedUp || !hop.planned.hasBackup) return run.ending();
  for (let attempt = 1; ; attempt++) {
    const end = await work(run, BACKUP, async () => perform(run, BACKUP, { direction: 'up', attempt }));
    if (end === null) return run.wishes.ending ?? 'abort';
    if (isDone(end)) {
      record(run, BACKUP, { ...end, state: 'applied' });
      hop.hasBackedUp = true;
      return run.ending();
    }
    record(run, BACKUP, { ...end, state: 'failed' });
    const ending = await failed(run, BACKUP, end);
    if (ending !== 'go') return ending;
  }
}

async function runUp(run: Run, { name, isPointOfNoReturn }: PlannedMigration): Promise<Ending> {
  const { environmentRetryMs, environmentRetries } = run.input.policy;
  for (let attempt = 1, broken = 0; ; attempt++) {
    // From here on until its end nobody can know whether there is a way back.
    if (isPointOfNoReturn) run.atPointOfNoReturn = name;
    const end = await work(run, name, async () => perform(run, name, { direction: 'up', attempt }));
    run.atPointOfNoReturn = null;
    if (end === null) return run.wishes.ending ?? 'abort';
    if (isDone(end)) {
      run.hop.applied.push(name);
      record(run, name, { ...end, state: 'applied' });
      return run.ending();
    }
    record(run, name, { ...end, state: 'failed' });
    if (end.outcome === 'broken' && broken < environmentRetries) {
      broken += 1;
      const what = `another try of ${describe(name, end)}`;
      const movedOnBy = `time; it was cut off and is not applied (${broken} of ${environmentRetries})`;
      await run.wait({ what, host: end.host, movedOnBy }, () => run.wishes.ending !== null, environmentRetryMs);
      if (run.ending() !== 'go') return run.ending();
      continue;
    }
    broken = 0;
    const ending = await failed(run, name, end);
    if (ending !== 'go') return ending;
  }
}

/** What was asked for is so, whoever did it. */
export const isDone = ({ outcome }: MigrationEnd): boolean => outcome === 'succeeded' || outcome === 'alreadyDone';

/** What a failure leads to: the way back by policy, else an operator is asked. `go`: try again. */
async function failed(run: Run, name: string, end: MigrationEnd): Promise<Ending> {
  const onFailure = run.onFailure();
  const decision = onFailure === 'rollback' ? 'rollback' : 'ask';
  const because = describe(name, end);
  run.decide({ rule: `on-failure ${onFailure}`, decision: `${decision} for ${name}`, because, by: 'policy' });
  if (decision === 'rollback') return 'rollback';
  return ask(run, { what: because, host: end.host, answers: ['resume'], isAnswered: () => run.wishes.resume });
}

/** What retries don't mend is put to the operator. null: the operator ends the upgrade. */
export async function work(run: Run, name: string, step: () => Promise<MigrationEnd>): Promise<MigrationEnd | null> {
  const waiting = { what: `${name} of ${run.hop.to} to end`, host: null, movedOnBy: 'its container, or its timeout' };
  for (;;) {
    try {
      return await insist(run, `${name} of ${run.hop.to}`, async () => run.during(waiting, step));
    } catch (error) {
      // Wrong input of one migration is no end of the whole upgrade, whose hosts are done: it is put to the operator.
      if (isCancellation(error) || isFenced(error) || !isOfType(error, [failureTypes.wrongInput])) throw error;
      const question = { what: `${name} of ${run.hop.to}: ${rootCause(error) ?? 'wrong input'}`, host: null };
      const ending = await ask(run, { ...question, answers: ['resume'], isAnswered: () => run.wishes.resume });
      if (ending !== 'go') return null;
    }
  }
}

/** One call; each try of one name and direction has a number of its own, so that no earlier one's end is taken for it. */
export async function perform(
  run: Run,
  name: string,
  { direction, attempt = 1 }: { readonly direction: 'up' | 'down' | 'check'; readonly attempt?: number },
): Promise<MigrationEnd> {
  const { fleet, upgrade, release } = run.hopInput();
  const input = { fleet, upgrade, release, epoch: run.epoch, attempt };
  if (direction !== 'check') record(run, name, { state: 'running', host: null, exitCode: null, output: '' });
  const summary = `${name} of ${release.version}: ${direction}`;
  if (name === BACKUP) return onUnit.runBackup.executeWithOptions({ summary }, [input]);
  return onUnit.runMigration.executeWithOptions({ summary }, [{ ...input, name, direction }]);
}

type Recorded = Pick<MigrationRecord, 'state' | 'host' | 'exitCode' | 'output'>;

export function record(run: Run, name: string, { state, host, exitCode, output }: Recorded): void {
  run.migrations.set({ name, hop: run.hop.to, state, host, exitCode, output });
  run.show();
}

export function describe(name: string, { exitCode, output, host }: MigrationEnd): string {
  const how = exitCode === null ? 'did not end by itself' : `ended with exit code ${exitCode}`;
  const words = output.trim().split('\n').slice(-QUOTED_LINES).join(' | ');
  return `${name} on ${host} ${how}${words === '' ? '' : `: ${words}`}`;
}
