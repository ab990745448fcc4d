import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Puts a directory's entries on the disk: without it a created or renamed file may be gone after a power cut. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Puts on the disk what another program wrote to the file. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Of what is written beside a file until it is whole. */
export const PARTIAL = '.refit-partial';

/** Replaces a file in one step, on the disk when it returns: readers and power cuts see the old or the new, whole. */
export function writeDurably(path: string, content: string | Uint8Array, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}${PARTIAL}`;
  try {
    writeSynced(partial, content, mode);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** The same where another program writes: it is given the path of the file that becomes this one. */
export async function replaceDurably(path: string, write: (partial: string) => Promise<void>): Promise<void> {
  const partial = `${path}${PARTIAL}`;
  try {
    await write(partial);
    syncFile(partial);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

export function writeSynced(path: string, content: string | Uint8Array, mode: number): void {
  const file = openSync(path, 'w', mode);
  try {
    writeWhole(file, typeof content === 'string' ? Buffer.from(content) : content, 0);
    // The process's umask does not decide about a host's files.
    fchmodSync(file, mode);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** write(2) may take less than it was given. */
export function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    written += writeSync(file, bytes, written, bytes.length - written, position + written);
  }
}
