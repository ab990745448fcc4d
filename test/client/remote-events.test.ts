import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEvents, type ServerEvent } from '../../client/remote/events.ts';

async function eventsOf(...pieces: readonly string[]): Promise<readonly ServerEvent[]> {
  const all: ServerEvent[] = [];
  for await (const event of readEvents(inPieces(pieces))) all.push(event);
  return all;
}

async function* inPieces(pieces: readonly string[]): AsyncGenerator<string> {
  await Promise.resolve();
  yield* pieces;
}

describe('a stream of server-sent events', () => {
  test('is read event by event; comments and the pause before a new connection are none', async () => {
    const text = 'retry: 1000\n\nevent: progress\ndata: {"a":1}\n\n: alive\n\nevent: end\ndata: {}\n\n';

    expect(await eventsOf(text)).toEqual([
      { event: 'progress', data: '{"a":1}' },
      { event: 'end', data: '{}' },
    ]);
  });

  test('may break its lines as it likes, and leave out the space and the name', async () => {
    expect(await eventsOf('data:one\r\ndata: two\r\n\r\n')).toEqual([{ event: 'message', data: 'one\ntwo' }]);
  });

  test('gives no event that has not come whole', async () => {
    expect(await eventsOf('event: progress\ndata: 1\n\nevent: progress\ndata: 2\n')).toHaveLength(1);
  });

  test('is the same however it is cut into pieces', async () => {
    const text = 'event: a\r\ndata: 1\r\n\r\n: x\n\nevent: b\ndata: 2\ndata: 3\n\n';
    const whole = await eventsOf(text);

    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 8 }), async (cuts) => {
        const at = [0, ...cuts.sort((one, other) => one - other), text.length];
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end));
        expect(await eventsOf(...pieces)).toEqual(whole);
      }),
    );
  });
});
