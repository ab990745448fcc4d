import { createHash } from 'node:crypto';
import type { JournalBody, JournalRecord } from './records.ts';

/** Most bytes of one journal: 64 steps with three attempts each need a tenth of it. */
export const MAX_JOURNAL_BYTES = 4 * 1024 ** 2;

/** Hexadecimal digits of a record's hash: enough to see a torn or altered line, short enough to read. */
const HASH_DIGITS = 16;
const HASH_FIELD = ',"hash":"';
const TAIL_LENGTH = HASH_FIELD.length + HASH_DIGITS + '"}'.length;

/** A line that goes on after a record's end was not torn: the end of the line between two records is gone. */
const TWO_RECORDS = /,"hash":"[0-9a-f]{16}"\}./;

/** Where a journal ends: what the next record is chained to. */
export type JournalTail = { readonly seq: number; readonly hash: string };

export type JournalReading =
  | {
      readonly ok: true;
      readonly records: readonly JournalRecord[];
      readonly tail: JournalTail;
      readonly sizeBytes: number;
      readonly torn: boolean;
    }
  | { readonly ok: false; readonly problem: string };

/** The first record is chained to the journal's name, so that no journal can stand in for another. */
export const emptyTail = (name: string): JournalTail => ({ seq: 0, hash: name });

export function encodeRecord(
  tail: JournalTail,
  at: number,
  body: JournalBody,
): { readonly line: string; readonly record: JournalRecord; readonly tail: JournalTail } {
  const record = { seq: tail.seq + 1, at, body };
  const text = JSON.stringify(record);
  const hash = chain(tail.hash, text);
  return { line: `${text.slice(0, -1)}${HASH_FIELD}${hash}"}\n`, record, tail: { seq: record.seq, hash } };
}

/**
 * Reads a whole journal.
 *
 * 1. A last line that is cut off or fails its hash was never synced: it is dropped, `torn` says so, `sizeBytes` is what counts.
 * 2. A line before the last that fails its hash or its number means that the disk lies: the journal is refused.
 */
export function readJournal(name: string, text: string): JournalReading {
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  const records: JournalRecord[] = [];
  let tail = emptyTail(name);
  let sizeBytes = 0;
  for (const [index, line] of lines.entries()) {
    const read = readLine(tail, line);
    if (read === null) {
      const isLast = index === lines.length - 1 && rest === '';
      if (isLast && !TWO_RECORDS.test(line)) return { ok: true, records, tail, sizeBytes, torn: true };
      return { ok: false, problem: `journal ${name} is corrupt at line ${index + 1} of ${lines.length}` };
    }
    records.push(read.record);
    tail = read.tail;
    sizeBytes += Buffer.byteLength(line) + 1;
  }
  if (TWO_RECORDS.test(rest)) return { ok: false, problem: `journal ${name} is corrupt at its last line` };
  return { ok: true, records, tail, sizeBytes, torn: rest !== '' };
}

function readLine(tail: JournalTail, line: string): { record: JournalRecord; tail: JournalTail } | null {
  if (line.length <= TAIL_LENGTH) return null;
  const text = `${line.slice(0, -TAIL_LENGTH)}}`;
  const hash = chain(tail.hash, text);
  if (line.slice(-TAIL_LENGTH) !== `${HASH_FIELD}${hash}"}`) return null;
  // The hash holds, so this is what encodeRecord wrote: a parser's cast.
  const record = JSON.parse(text) as JournalRecord;
  return record.seq === tail.seq + 1 ? { record, tail: { seq: record.seq, hash } } : null;
}

const chain = (previous: string, text: string): string =>
  createHash('sha256').update(previous).update('\n').update(text).digest('hex').slice(0, HASH_DIGITS);
