import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogFrames } from '../../drivers/docker/log-frames.ts';

const frame = (stream: number, text: string): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};

/** The lines of the bytes, given in pieces of that size. */
function linesOf(bytes: Buffer, size = bytes.length): readonly string[] {
  const lines: string[] = [];
  const frames = new LogFrames((line) => lines.push(line));
  for (let from = 0; from < bytes.length; from += size) frames.add(bytes.subarray(from, from + size));
  frames.end();
  return lines;
}

test('lines of two streams are told apart, and the unfinished ones come at the end', () => {
  const log = Buffer.concat([
    frame(1, 'on'),
    frame(2, 'err'),
    frame(1, 'e\r\ntwo\nthr'),
    frame(2, 'or\n'),
    frame(1, 'ee'),
  ]);

  expect(linesOf(log)).toEqual(['one', 'two', 'error', 'three']);
});

test('it does not matter into which pieces the bytes come', () => {
  const texts = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.string()), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 50 }), (frames, size) => {
      const log = Buffer.concat(frames.map(([stream, text]) => frame(stream, text)));
      expect(linesOf(log, size)).toEqual(linesOf(log));
    }),
  );
});

test('a line without an end is cut off, and what is no log at all is an error', () => {
  const long = frame(1, 'x'.repeat(60_000));

  expect(linesOf(Buffer.concat([long, long, frame(1, '\nnext\n')])).map(({ length }) => length)).toEqual([16_384, 4]);
  expect(() => linesOf(Buffer.alloc(64, 0xff))).toThrow('expected a frame of a log');
});
