import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

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

/** Where a file is made until it is whole: hidden, since many programs read all of a folder like /etc/grub.d. */
export const partialOf = (path: string): string => join(dirname(path), `.${basename(path)}.refit-partial`);

/** Replaces a file in one step, on the disk when it returns: readers and power cuts see the old or the new, whole. */
export const writeDurably = (path: string, content: string | Uint8Array, mode = 0o644): void =>
  replaceFile(path, (partial) => writeSynced(partial, content, mode));

/** The same with what `write` makes beside its place, and puts on the disk. */
export function replaceFile(path: string, write: (partial: string) => void): void {
  mkdirSync(dirname(path), { recursive: true });
  const partial = partialOf(path);
  try {
    rmSync(partial, { force: true });
    write(partial);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/**
 * Writes over a file's bytes in their place, on the disk when it returns: for whoever reads the disk without the file system's
 * journal, since nothing moves. Throws when it would change the file's length.
 */
export function overwriteDurably(path: string, content: Uint8Array): void {
  const file = openSync(path, 'r+');
  try {
    const { size } = fstatSync(file);
    if (size !== content.length) throw new Error(`${path} has ${size} bytes, and ${content.length} would replace them`);
    writeWhole(file, content, 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
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
