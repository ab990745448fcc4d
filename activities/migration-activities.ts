import type { FleetId, HostId, UpgradeId } from '../model/ids.ts';
import type { ReleaseRef } from '../model/release.ts';

/** A release's migrations and the backup before them. Each is idempotent for its attempt. */
export interface MigrationActivities {
  /** Makes and verifies the hop's backup, which stays on its host. */
  runBackup(input: MigrationRunInput): Promise<MigrationEnd>;
  /** Applies one migration, or takes it back; one at a time in the fleet. */
  runMigration(input: MigrationInput): Promise<MigrationEnd>;
  /** Removes the containers that a hop's backup and migrations left, and no backup. */
  removeMigrationJobs(input: Omit<MigrationRunInput, 'attempt'>): Promise<{ readonly removed: number }>;
}

export type MigrationRunInput = {
  readonly fleet: FleetId;
  /** The hop's own. */
  readonly upgrade: UpgradeId;
  readonly epoch: number;
  readonly release: ReleaseRef;
  /** Counts the tries that an operator, or the policy, asked for. */
  readonly attempt: number;
};

export type MigrationInput = MigrationRunInput & {
  readonly name: string;
  /** check: only says whether it is applied, as alreadyDone or notApplied. */ readonly direction:
    'up' | 'down' | 'check';
};

export type MigrationEnd = {
  /** alreadyDone: its check said so, and nothing was run · broken: it was cut off, and its check says that it is not applied: try again. */
  readonly outcome: 'succeeded' | 'alreadyDone' | 'notApplied' | 'broken' | 'failed';
  readonly host: HostId;
  /** null: it did not end by itself. */
  readonly exitCode: number | null;
  /** The end of what it said; a backup names where it is kept. At most MIGRATION_OUTPUT_LENGTH characters. */
  readonly output: string;
};

/** Longest output of a migration that is told; characters. */
export const MIGRATION_OUTPUT_LENGTH = 1_000;
