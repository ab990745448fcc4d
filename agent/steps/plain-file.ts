import { chownSync, closeSync, fchmodSync, fsyncSync, openSync } from 'node:fs';

/** Permission bits of a mode. */
export const PERMISSIONS = 0o7777;

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
