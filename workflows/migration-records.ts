import type { MigrationRecord } from '../model/upgrade.ts';

/** Longest output that an upgrade's progress has of all its migrations together; characters. */
const MAX_OUTPUT_LENGTH = 4_000;

/** What became of an upgrade's backups and migrations, in the order in which they were begun. */
export class MigrationRecords {
  private readonly records = new Map<string, MigrationRecord>();

  set(record: MigrationRecord): void {
    this.records.set(`${record.hop} ${record.name}`, record);
  }

  /** What failed is told in full before what went well is. */
  all(): readonly MigrationRecord[] {
    let room = MAX_OUTPUT_LENGTH;
    const outputs = new Map<MigrationRecord, string>();
    const all = [...this.records.values()];
    for (const record of [...all].sort((a, b) => Number(b.state === 'failed') - Number(a.state === 'failed'))) {
      const output = record.output.slice(-Math.max(1, room)).slice(0, Math.max(0, room));
      room -= output.length;
      outputs.set(record, output);
    }
    return all.map((record) => ({ ...record, output: outputs.get(record) ?? '' }));
  }
}
