import { BACKUPS_FOLDER, type Backup } from '../model/migration.ts';
import { releaseLabel } from '../model/release.ts';
import { lastLines } from '../model/unit-upgrade.ts';
import { whileBeating } from './beating.ts';
import { wrongInput } from './failure.ts';
import type { JobEnd } from './job-end.ts';
import { readRelease } from './load-service.ts';
import {
  MIGRATION_OUTPUT_LENGTH,
  type MigrationActivities,
  type MigrationEnd,
  type MigrationRunInput,
} from './migration-activities.ts';
import { containerName, runKept, toEnd, wasCutOff, type JobSite, type MigrationPorts } from './migration-job.ts';
import { releaseLock, takeLock } from './migration-lock.ts';
import { openSite } from './migration-site.ts';

/** No migration has this name. */
const NAME = 'backup';

/**
 * Idempotent: each attempt runs once. It has a folder of its own on the host, and no backup is ever removed. No migration runs
 * meanwhile.
 */
export function createRunBackup(ports: MigrationPorts): MigrationActivities['runBackup'] {
  return async (input) => {
    const beat = { detail: `backup before ${input.release.version}` };
    return whileBeating(
      () => ({ ...beat }),
      async () => perform(ports, input, beat),
    );
  };
}

async function perform(
  ports: MigrationPorts,
  input: MigrationRunInput,
  beat: { detail: string },
): Promise<MigrationEnd> {
  const { backup } = (await readRelease(ports.releases, input.release)).release;
  if (backup === null) throw wrongInput(`${releaseLabel(input.release)} has no backup`);
  const attempt = `up-${input.attempt}`;
  const site = await openSite(ports, { input, name: NAME, basis: backup, beat, attempt });
  await takeLock(site);
  const end = await backUp(site, { backup, attempt });
  await releaseLock(site);
  return end;
}

type Making = { readonly backup: Backup; readonly attempt: string };

async function backUp(site: JobSite, { backup, attempt }: Making): Promise<MigrationEnd> {
  const { upgrade, attempt: count } = site.input;
  const folder = `${BACKUPS_FOLDER}/${upgrade}/${count}`;
  const makes = { container: containerName('migration', NAME), attempt, command: backup.command, folder };
  const made = await runKept(site, makes);
  if (made.exitCode !== 0) return unmade(site, made, makes.container);
  // Read by the same image, which can't change any more what it wrote.
  const verifies = { container: containerName('verify', NAME), command: backup.verify, folder: `${folder}:ro` };
  const verified = await runKept(site, { ...verifies, attempt: `verify-${count}` });
  if (verified.exitCode !== 0) return unmade(site, verified, verifies.container);
  return kept(toEnd(site, 'succeeded', verified), folder);
}

async function unmade(site: JobSite, end: JobEnd, container: string): Promise<MigrationEnd> {
  return toEnd(site, (await wasCutOff(site, end, container)) ? 'broken' : 'failed', end);
}

function kept(end: MigrationEnd, folder: string): MigrationEnd {
  const where = `kept on ${end.host} in ${folder}`;
  return { ...end, output: `${where}\n${lastLines(end.output, MIGRATION_OUTPUT_LENGTH - where.length - 1)}`.trim() };
}
