import type { Backup, Migration } from '../../model/migration.ts';
import type { ManifestBackup, ManifestMigration } from './migration-schema.ts';

/** What the author wrote, as the model has it: absences as null. */
export function toMigration(migration: ManifestMigration): Migration {
  const { timeout, down = null, entrypoint = null, ...rest } = migration;
  return { ...rest, down, entrypoint, timeoutMs: timeout };
}

export function toBackup(backup: ManifestBackup | undefined): Backup | null {
  if (backup === undefined || typeof backup === 'string') return null;
  const { timeout, entrypoint = null, ...rest } = backup;
  return { ...rest, entrypoint, timeoutMs: timeout };
}
