import { chownSync, closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from '../durable.ts';

/** Permission bits of a mode. */
export const PERMISSIONS = 0o7777;

/** Written beside its place and renamed over it: whoever reads sees the old or the new, whole. */
export function replaceFile(path: string, write: (partial: string) => void): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const partial = join(folder, `.${basename(path)}.refit-partial`);
  try {
    rmSync(partial, { force: true });
    write(partial);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  syncFolder(folder);
}

/** A change of owner clears the set-user bits, so the mode comes after it. */
export function own(path: string, owner: { readonly uid: number; readonly gid: number }, mode: number): void {
  chownSync(path, owner.uid, owner.gid);
  const file = openSync(path, 'r+');
  try {
    fchmodSync(file, mode);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
