import { posix } from 'node:path';
import { BACKUP_MOUNT } from '../../model/migration.ts';
import { itemPaths, valueAt, type FieldPath, type Problem } from '../yaml-document.ts';
import { repeated, textsAt } from './repeated.ts';

/** Under which the backup stands among the migrations of an upgrade. */
const BACKUP_NAME = 'backup';

/** What no schema of one field sees of migrations and the backup before them. Reads a manifest that may be wrong elsewhere. */
export function migrationProblems(value: unknown): readonly Problem[] {
  const names = textsAt(
    value,
    itemPaths(value, ['migrations']).map((path) => [...path, 'name']),
  );
  const volumes = textsAt(value, itemPaths(value, ['backup', 'volumes']));
  return [
    ...repeated(names),
    ...names.flatMap(({ text, path }) => (text === BACKUP_NAME ? [reserved(path)] : [])),
    ...missingBackup(value),
    ...volumes.flatMap(({ text, path }) => (isInBackup(text) ? [ownMount(path)] : [])),
  ];
}

const reserved = (path: FieldPath): Problem => ({
  path,
  message: `"${BACKUP_NAME}" is how an upgrade names the backup before its migrations; take another name`,
});

function missingBackup(value: unknown): readonly Problem[] {
  if (itemPaths(value, ['migrations']).length === 0 || valueAt(value, ['backup']) !== undefined) return [];
  const message =
    'need a backup that is made before them: write backup: { image, command, verify, beside }, or backup: none if there is nothing to keep';
  return [{ path: ['migrations'], message }];
}

/** `data:/backup/x` as much as `data:/backup`: it would lie over what the backup writes. */
function isInBackup(volume: string): boolean {
  const [, target = ''] = volume.split(':');
  return `${posix.normalize(target)}/`.replace('//', '/').startsWith(`${BACKUP_MOUNT}/`);
}

const ownMount = (path: FieldPath): Problem => ({
  path,
  message: `${BACKUP_MOUNT} is refit's own: the folder that stays on the host; mount it elsewhere`,
});
