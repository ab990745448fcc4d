import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyTail, encodeRecord, readJournal } from '../../agent/core/journal.ts';
import type { JournalBody } from '../../agent/core/records.ts';

const bodies: readonly JournalBody[] = [
  { type: 'begun' },
  { type: 'stepFinished', index: 0 },
  { type: 'undoFailed', index: 1, message: 'a line\nand "quotes" and ünïcode' },
];

function write(name: string, records: readonly JournalBody[]): { text: string; ends: readonly number[] } {
  let tail = emptyTail(name);
  let text = '';
  const ends: number[] = [];
  for (const body of records) {
    const encoded = encodeRecord(tail, 1_000, body);
    text += encoded.line;
    tail = encoded.tail;
    ends.push(text.length);
  }
  return { text, ends };
}

test('what was written is read', () => {
  const reading = readJournal('j', write('j', bodies).text);

  expect(reading).toMatchObject({ ok: true, torn: false });
  expect(reading.ok && reading.records.map(({ body }) => body)).toEqual(bodies);
});

test('a record that was cut off at any place is dropped, and only it', () => {
  const { text, ends } = write('j', bodies);
  const before = ends.at(-2) ?? 0;
  for (let cut = before + 1; cut < text.length; cut += 1) {
    const reading = readJournal('j', text.slice(0, cut));

    expect(reading).toMatchObject({ ok: true, torn: true, sizeBytes: before });
    expect(reading.ok && reading.records.length).toBe(2);
  }
});

test('a last record that is whole but wrong was never synced: it is dropped', () => {
  const { text } = write('j', bodies);
  const reading = readJournal('j', text.replace(/"[0-9a-f]{16}"\}\n$/, '"0000000000000000"}\n'));

  expect(reading).toMatchObject({ ok: true, torn: true });
});

test('a changed byte before the last record is found, whatever it is', () => {
  const { text, ends } = write('j', bodies);
  const last = ends.at(-2) ?? 0;
  fc.assert(
    fc.property(fc.nat(last - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      fc.pre(changed !== text);
      const reading = readJournal('j', changed);
      expect(reading.ok).toBe(false);
      expect(reading.ok ? '' : reading.problem).toMatch(/^journal j is corrupt at/);
    }),
    { numRuns: 500 },
  );
});

test('a journal does not stand in for another, nor a record for its neighbour', () => {
  const { text } = write('j', bodies);
  const lines = text.split('\n');

  expect(readJournal('other', text).ok).toBe(false);
  expect(readJournal('j', [lines[1], lines[0], lines[2], ''].join('\n')).ok).toBe(false);
  expect(readJournal('j', [lines[0], lines[2], lines[1], ''].join('\n')).ok).toBe(false);
});
