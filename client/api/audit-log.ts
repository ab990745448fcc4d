import { mkdir, open, rename, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseRecord, type AuditRecord } from './audit-record.ts';
import { noneIfMissing } from './tokens.ts';

/** Size at which a file is full; bytes. Some 30,000 records. */
const FULL_BYTES = 10 * 1024 ** 2;
/** Files that are kept beside the one that is written; the oldest goes. */
const KEPT_FILES = 9;
/** Read at once, from the end towards the beginning; bytes. */
const CHUNK_BYTES = 64 * 1024;
/** Records that wait for the disk; more means that it does not answer. */
const MAX_WAITING = 1_000;

/** Who asked for what, and what became of it: lines of JSON, each on the disk before the caller goes on. */
export interface AuditLog {
  /** Throws when the record is not on the disk for certain. */
  append(record: AuditRecord): Promise<void>;
  newestFirst(): AsyncIterable<AuditRecord>;
}

export type AuditOptions = { readonly file: string; readonly fullBytes?: number; readonly keptFiles?: number };

type Waiting = { readonly line: string; readonly done: () => void; readonly failed: (error: unknown) => void };

/** One API at a time writes to a file. Those before it have its name and a number: `.1` is the latest. */
export function openAuditLog({ file, fullBytes = FULL_BYTES, keptFiles = KEPT_FILES }: AuditOptions): AuditLog {
  const waiting: Waiting[] = [];
  let isWriting = false;
  /** What waits together is written together: one wait for the disk serves all of them. */
  const drain = async (): Promise<void> => {
    isWriting = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0);
      try {
        await write(batch.map(({ line }) => line).join(''));
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    isWriting = false;
  };
  const write = async (text: string): Promise<void> => {
    const size = await sizeOf(file);
    if (size > 0 && size + Buffer.byteLength(text) > fullBytes) await rotate(file, keptFiles);
    await appendDurably(file, text);
  };
  return {
    append: (record) =>
      new Promise((done, failed) => {
        if (waiting.length >= MAX_WAITING) {
          failed(new Error(`${file}: ${MAX_WAITING} records wait for the disk`));
          return;
        }
        waiting.push({ line: `${JSON.stringify(record)}\n`, done, failed });
        if (!isWriting) void drain();
      }),
    newestFirst: () => newestFirst(file, keptFiles),
  };
}

const sizeOf = async (file: string): Promise<number> => (await stat(file).catch(noneIfMissing))?.size ?? 0;

const numbered = (file: string, number: number): string => (number === 0 ? file : `${file}.${number}`);

async function rotate(file: string, keptFiles: number): Promise<void> {
  for (let number = keptFiles; number > 0; number -= 1) {
    await rename(numbered(file, number - 1), numbered(file, number)).catch(noneIfMissing);
  }
}

async function appendDurably(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a+', 0o600);
  try {
    const { size } = await handle.stat();
    await handle.appendFile((await endsTorn(handle, size)) ? `\n${text}` : text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  // A new file is there for certain only when its folder is.
  const folder = await open(dirname(file), 'r');
  await folder.sync().finally(() => folder.close());
}

/** The last line of a process that ended while it wrote: it stays alone, and no record is glued to it. */
async function endsTorn(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer.toString() !== '\n';
}

async function* newestFirst(file: string, keptFiles: number): AsyncGenerator<AuditRecord> {
  const handles = await openAll(file, keptFiles);
  try {
    for (const handle of handles) {
      for await (const line of linesFromEnd(handle)) {
        const record = parseRecord(line);
        if (record !== null) yield record;
      }
    }
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

/** Opened before the first is read; one that is renamed meanwhile is found twice, and taken once. */
async function openAll(file: string, keptFiles: number): Promise<readonly FileHandle[]> {
  const found = new Map<number, FileHandle>();
  for (let number = 0; number <= keptFiles; number += 1) {
    const handle = await open(numbered(file, number), 'r').catch(noneIfMissing);
    if (handle === null) continue;
    const { ino } = await handle.stat();
    if (found.has(ino)) await handle.close();
    else found.set(ino, handle);
  }
  return [...found.values()];
}

async function* linesFromEnd(handle: FileHandle): AsyncGenerator<string> {
  let begin = (await handle.stat()).size;
  let rest = Buffer.alloc(0);
  while (begin > 0) {
    const length = Math.min(CHUNK_BYTES, begin);
    begin -= length;
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, begin);
    const text = Buffer.concat([buffer, rest]);
    // What stands before the first line's end may have begun in the chunk before.
    const first = begin === 0 ? 0 : text.indexOf('\n') + 1;
    rest = text.subarray(0, first);
    yield* text.subarray(first).toString().split('\n').filter(Boolean).reverse();
  }
}
