import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { MAX_JOURNAL_BYTES } from './core/journal.ts';
import { syncFolder, writeDurably, writeSynced, writeWhole } from './durable.ts';
import type { Places } from './places.ts';
import type { Disk } from './ports.ts';

/** Room kept for the records of a way back on a full disk: a few hundred records; bytes. */
const RESERVE_BYTES = 64 * 1024;
const SUFFIX = '.jsonl';

/** The agent's folder on a real disk. Journals are written by position, so that half a record is overwritten by the next. */
export function openDisk(places: Places): Disk {
  mkdirSync(places.journal, { recursive: true });
  const reserve = join(places.journal, 'reserve');
  const sizes = new Map<string, number>();
  const file = (name: string): string => join(places.journal, `${name}${SUFFIX}`);
  keepReserve(reserve);
  return {
    journals: () => journalNames(places.journal),
    readJournal: (name) => {
      const text = readBounded(file(name));
      sizes.set(name, Buffer.byteLength(text));
      return text;
    },
    append: (name, text) => {
      const bytes = Buffer.from(text);
      const size = sizes.get(name) ?? 0;
      appendAt(file(name), bytes, size);
      if (size === 0) syncFolder(places.journal);
      sizes.set(name, size + bytes.length);
    },
    truncate: (name, sizeBytes) => {
      cutAt(file(name), sizeBytes);
      sizes.set(name, sizeBytes);
    },
    removeJournal: (name) => {
      rmSync(file(name), { force: true });
      // Not synced: a journal that a power cut brings back is one that is removed again.
      rmSync(join(places.undo, name), { recursive: true, force: true });
      sizes.delete(name);
    },
    freeReserve: () => rmSync(reserve, { force: true }),
    read: (name) => (existsSync(join(places.state, name)) ? readBounded(join(places.state, name)) : null),
    write: (name, text) => {
      writeDurably(join(places.state, name), text);
      keepReserve(reserve);
    },
  };
}

const journalNames = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(0, -SUFFIX.length))
    .sort();

/** Cuts off what an earlier, failed write may have left; after a failure nothing of the record stays. */
function appendAt(path: string, bytes: Uint8Array, size: number): void {
  const file = openSync(path, openFlags(path), 0o600);
  try {
    if (fstatSync(file).size !== size) ftruncateSync(file, size);
    writeWhole(file, bytes, size);
    fsyncSync(file);
  } catch (error) {
    ftruncateSync(file, size);
    throw error;
  } finally {
    closeSync(file);
  }
}

const openFlags = (path: string): string => (existsSync(path) ? 'r+' : 'w+');

function cutAt(path: string, sizeBytes: number): void {
  const file = openSync(path, 'r+');
  try {
    ftruncateSync(file, sizeBytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function readBounded(path: string): string {
  const { size } = statSync(path);
  if (size > MAX_JOURNAL_BYTES) throw new Error(`${path} has ${size} bytes, expected at most ${MAX_JOURNAL_BYTES}`);
  return readFileSync(path, 'utf8');
}

/** A disk that is full already has no room to keep: the journal's own writes say so when they need it. */
function keepReserve(path: string): void {
  if (existsSync(path)) return;
  try {
    writeSynced(path, Buffer.alloc(RESERVE_BYTES, '.'), 0o600);
  } catch {
    rmSync(path, { force: true });
  }
}
