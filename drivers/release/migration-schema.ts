import { z } from 'zod';
import { parseServiceId } from '../../model/ids.ts';
import { MAX_MIGRATIONS } from '../../model/migration.ts';
import { Command, Duration, either, Environment, Image, list, matching, name, Volume } from './manifest-fields.ts';

/** Longest that a migration runs unless it says otherwise; ms. */
const MIGRATION_TIMEOUT_MS = 5 * 60_000;
/** The same of a backup, which reads all there is; ms. */
const BACKUP_TIMEOUT_MS = 30 * 60_000;

const job = {
  image: Image,
  entrypoint: Command.optional(),
  env: Environment.default({}),
  volumes: list(Volume).default([]).meta({ description: 'Such as a file of the host with a password, read-only.' }),
  beside: name('a service').transform(parseServiceId).meta({
    description:
      'On the host, and in the network, of the first member of this service; it need not be of this release.',
  }),
};

const Migration = z.strictObject({
  name: name('a migration'),
  when: z.enum(['expand', 'contract']).meta({
    description: 'expand: before the services are upgraded, while the old ones serve · contract: once they all are.',
  }),
  ...job,
  up: Command.meta({ description: 'Applies it.' }),
  check: Command.meta({
    description: 'Exit code 0: it is applied. Asked before and after, so that one that was cut off is known.',
  }),
  down: Command.optional().meta({ description: 'The way back.' }),
  compatible: z.boolean().default(false).meta({
    description: 'true: the release before works with what it does, so a roll back leaves it in place.',
  }),
  timeout: Duration.default(MIGRATION_TIMEOUT_MS),
});

export const Migrations = list(Migration).max(MAX_MIGRATIONS).default([]).meta({
  description: 'Containers that run to their end, in this order, and change what services share.',
});

const BackupJob = z.strictObject({
  ...job,
  command: Command.meta({ description: 'Writes what is to be kept into /backup.' }),
  verify: Command.meta({ description: 'Reads /backup; exit code 0: it could be restored.' }),
  timeout: Duration.default(BACKUP_TIMEOUT_MS),
});

export const Backup = either(
  matching('none, or a group such as { image, command, verify, beside }', /^none$/),
  BackupJob,
);

export type ManifestMigration = z.output<typeof Migration>;
export type ManifestBackup = z.output<typeof Backup>;
