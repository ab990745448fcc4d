import type { ServiceId } from './ids.ts';
import type { Command } from './release.ts';

/** Most migrations of a release. */
export const MAX_MIGRATIONS = 32;

/** A container that runs to its end on the host of its service's first member, in that member's own network; exit code 0 is success. */
type MigrationJob = {
  /** By digest: `registry/name@sha256:…`. */
  readonly image: string;
  /** null: the image's own. */
  readonly entrypoint: Command | null;
  readonly env: Readonly<Record<string, string>>;
  /** `hostPathOrVolume:containerPath[:ro]`; a password is a file of the host, mounted here. */
  readonly volumes: readonly string[];
  readonly beside: ServiceId;
  readonly timeoutMs: number;
};

/** A change of what services share. expand: before they are upgraded, while the old ones serve · contract: once they all are. */
export type Migration = MigrationJob & {
  /** Unique in the release. */
  readonly name: string;
  readonly when: 'expand' | 'contract';
  readonly up: Command;
  /** Exit code 0: it is applied. Asked before and after each attempt, so that one that was cut off is known. */
  readonly check: Command;
  /** The way back. */
  readonly down: Command | null;
  /** The release before works with what it does: a roll back leaves it in place. Neither this nor `down`: a point of no return. */
  readonly compatible: boolean;
};

/** Writes what is to be kept into /backup, a folder of its own on the host that stays there. */
export type Backup = MigrationJob & {
  readonly command: Command;
  /** Reads /backup; exit code 0: it could be restored. */
  readonly verify: Command;
};

/** Where a backup's container finds its folder, and where that is on the host. */
export const BACKUP_MOUNT = '/backup';
export const BACKUPS_FOLDER = '/var/lib/refit/backups';

/** Once it is applied, what was before can't come back. */
export const isPointOfNoReturn = ({ down, compatible }: Pick<Migration, 'down' | 'compatible'>): boolean =>
  down === null && !compatible;

export const migrationImages = (release: {
  readonly migrations: readonly Migration[];
  readonly backup: Backup | null;
}): readonly string[] => [
  ...new Set([
    ...release.migrations.map(({ image }) => image),
    ...(release.backup === null ? [] : [release.backup.image]),
  ]),
];
