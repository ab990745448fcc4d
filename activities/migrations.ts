import type { Migration } from '../model/migration.ts';
import { releaseLabel } from '../model/release.ts';
import { whileBeating } from './beating.ts';
import { wrongInput } from './failure.ts';
import type { JobEnd } from './job-end.ts';
import { readRelease } from './load-service.ts';
import type { MigrationActivities, MigrationEnd, MigrationInput } from './migration-activities.ts';
import { askCheck, type Answer } from './migration-check.ts';
import {
  containerName,
  runKept,
  toEnd,
  wasCutOff,
  type JobSite,
  type KeptJob,
  type MigrationPorts,
} from './migration-job.ts';
import { holdLock, releaseLock, takeLock } from './migration-lock.ts';
import { openSite, type OpenedSite } from './migration-site.ts';

/**
 * Idempotent: each attempt runs once.
 *
 * 1. The check decides whether it is applied: before it is run, and after it has ended, whatever way that was.
 * 2. The container stays when it has ended, so that an attempt whose answer was lost is read again, and not run again.
 * 3. One migration of a fleet runs at a time: migration-lock.ts.
 * 4. What was cut off, by itself or with the member beside it, and is not applied, is `broken`: nothing speaks against it.
 */
export function createRunMigration(ports: MigrationPorts): MigrationActivities['runMigration'] {
  return async (input) => {
    const beat = { detail: `${input.name} is starting` };
    return whileBeating(
      () => ({ ...beat }),
      async () => perform(ports, input, beat),
    );
  };
}

async function perform(ports: MigrationPorts, input: MigrationInput, beat: { detail: string }): Promise<MigrationEnd> {
  const { name, direction } = input;
  const migration = await readMigration(ports, input);
  const asked = { input, name, basis: migration, beat };
  if (direction === 'check') return answerOnly(await openSite(ports, { ...asked, attempt: null }), migration);
  const job = jobOf(migration, input);
  const site = await openSite(ports, { ...asked, attempt: job.attempt });
  await takeLock(site);
  const end = await change(site, { migration, job, goal: direction === 'up' ? 'applied' : 'notApplied' });
  await releaseLock(site);
  return end;
}

async function readMigration(ports: MigrationPorts, { release: ref, name }: MigrationInput): Promise<Migration> {
  const { release } = await readRelease(ports.releases, ref);
  const found = release.migrations.find((migration) => migration.name === name);
  if (found === undefined) throw wrongInput(`${releaseLabel(ref)} has no migration ${name}`);
  return found;
}

function jobOf({ name, up, down }: Migration, { direction, attempt }: MigrationInput): KeptJob {
  const command = direction === 'up' ? up : down;
  if (command === null) throw wrongInput(`migration ${name} has no way back`);
  return { container: containerName('migration', name), attempt: `${direction}-${attempt}`, command };
}

async function answerOnly(site: JobSite, { check }: Migration): Promise<MigrationEnd> {
  const answer = await askCheck(site, check);
  if (answer.answer !== 'unclear')
    return toEnd(site, answer.answer === 'applied' ? 'alreadyDone' : 'notApplied', answer.end);
  throw new Error(`the check of migration ${site.name} can't be asked on ${site.place.host}: ${answer.why}`);
}

type Change = {
  readonly migration: Migration;
  readonly job: KeptJob;
  readonly goal: 'applied' | 'notApplied';
};

async function change(site: OpenedSite, { migration: { check }, job, goal }: Change): Promise<MigrationEnd> {
  // One that is at work may hold what its check would wait for.
  if (!site.isBegun) {
    const before = await askCheck(site, check);
    if (before.answer === 'unclear') return toEnd(site, 'broken', notRun(before.why));
    if (before.answer === goal) return toEnd(site, 'alreadyDone', before.end);
    await holdLock(site);
  }
  const end = await runKept(site, job);
  const after = await askCheck(site, check);
  if (after.answer === goal) return toEnd(site, 'succeeded', end);
  const said = contradiction(end, after);
  const told = { ...end, lines: [...end.lines, ...said] };
  const isBroken = after.answer === 'unclear' || (await wasCutOff(site, end, job.container));
  return toEnd(site, isBroken ? 'broken' : 'failed', told);
}

/** What its own words don't say of how it stands. */
function contradiction({ exitCode }: JobEnd, after: Answer): readonly string[] {
  if (after.answer === 'unclear') return [`whether it is applied is not known: ${after.why}`];
  if (exitCode !== 0) return [];
  return [
    `it ended well, and its check says that it is ${after.answer === 'applied' ? 'still applied' : 'not applied'}`,
  ];
}

const notRun = (why: string): JobEnd => ({
  ...{ exitCode: null, failure: null },
  lines: [`it was not run, since whether it is applied is not known: ${why}`],
});
