import { createRunBackup } from './backup.ts';
import type { MigrationActivities } from './migration-activities.ts';
import type { MigrationPorts } from './migration-job.ts';
import { createRunMigration } from './migrations.ts';
import { createRemoveMigrationJobs } from './remove-migration-jobs.ts';

/** The activities of a release's migrations. */
export function createMigrationActivities(ports: MigrationPorts): MigrationActivities {
  return {
    runBackup: createRunBackup(ports),
    runMigration: createRunMigration(ports),
    removeMigrationJobs: createRemoveMigrationJobs(ports),
  };
}
