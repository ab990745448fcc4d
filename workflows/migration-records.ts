import type { MigrationRecord } from '../model/upgrade.ts';
import { fitOutputs } from './fit.ts';

/** Longest output that an upgrade's progress has of all its migrations together; characters. */
const MAX_OUTPUT_LENGTH = 4_000;

/** What became of an upgrade's backups and migrations, in the order in which they were begun. */
export class MigrationRecords {
  private readonly records = new Map<string, MigrationRecord>();

  set(record: MigrationRecord): void {
    this.records.set(`${record.hop} ${record.name}`, record);
  }

  all(): readonly MigrationRecord[] {
    return fitOutputs([...this.records.values()], MAX_OUTPUT_LENGTH);
  }
}
