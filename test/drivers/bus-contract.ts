import { afterEach, expect, test } from 'vitest';
import type { Bus, BusEntry } from '../../model/ports.ts';
import { eventually } from '../eventually.ts';

/** What every bus keeps to; run against the real etcd and against the one in memory, so that the fake stays honest. */
export function describeBus(connect: () => Promise<Bus> | Bus): void {
  const opened: Bus[] = [];
  let count = 0;
  afterEach(() => {
    for (const bus of opened.splice(0)) bus.close();
  });
  const open = async (): Promise<Bus> => {
    const bus = await connect();
    opened.push(bus);
    return bus;
  };
  /** A prefix that no other test uses. */
  const prefix = (): string => `/refit/v1/contract-${process.pid}-${(count += 1)}/`;

  test('a key that was never written reads as null', async () => {
    const bus = await open();

    expect(await bus.read(`${prefix()}none`)).toBeNull();
  });

  test('a written value reads back with the revision that the write said', async () => {
    const bus = await open();
    const key = `${prefix()}key`;

    const written = await bus.write({ conditions: [], puts: [{ key, value: 'ä 1' }] });

    expect(written.outcome).toBe('ok');
    expect(await bus.read(key)).toEqual({
      key,
      value: 'ä 1',
      revision: written.outcome === 'ok' ? written.revision : '',
    });
  });

  test('a write under a revision that has passed is refused and changes nothing', async () => {
    const bus = await open();
    const key = `${prefix()}key`;
    const first = await put(bus, key, 'one');
    await put(bus, key, 'two');

    const late = await bus.write({ conditions: [{ key, revision: first }], puts: [{ key, value: 'late' }] });

    expect(late).toEqual({ outcome: 'refused' });
    expect((await bus.read(key))?.value).toBe('two');
  });

  test('a key is created once when it must not exist', async () => {
    const bus = await open();
    const key = `${prefix()}key`;
    const create = { conditions: [{ key, revision: null }], puts: [{ key, value: 'mine' }] };

    expect((await bus.write(create)).outcome).toBe('ok');
    expect((await bus.write(create)).outcome).toBe('refused');
  });

  test('of many writers that compare the same revision one wins', async () => {
    const buses = await Promise.all(Array.from({ length: 8 }, open));
    const [first] = buses;
    const key = `${prefix()}key`;
    const revision = first === undefined ? '' : await put(first, key, 'start');

    const outcomes = await Promise.all(
      buses.map((bus, index) =>
        bus.write({ conditions: [{ key, revision }], puts: [{ key, value: `writer ${index}` }] }),
      ),
    );

    expect(outcomes.filter(({ outcome }) => outcome === 'ok')).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'refused')).toHaveLength(7);
  });

  test('puts and deletes of one change happen together', async () => {
    const bus = await open();
    const under = prefix();
    const revision = await put(bus, `${under}old`, 'x');

    await bus.write({
      conditions: [{ key: `${under}old`, revision }],
      puts: [
        { key: `${under}a`, value: '1' },
        { key: `${under}b`, value: '2' },
      ],
      deletes: [`${under}old`],
    });

    const entries = await bus.list(under);
    expect(entries.map(({ key }) => key)).toEqual([`${under}a`, `${under}b`]);
    expect(new Set(entries.map((entry) => entry.revision)).size).toBe(1);
  });

  test('a list holds what is under the prefix, by key, and nothing else', async () => {
    const bus = await open();
    const under = prefix();
    for (const name of ['b', 'a', 'c/d']) await put(bus, `${under}${name}`, name);
    await put(bus, `${under.slice(0, -1)}x`, 'beside');

    expect((await bus.list(under)).map(({ value }) => value)).toEqual(['a', 'b', 'c/d']);
  });

  test('a watch tells what is there at first, if it is nothing as well', async () => {
    const bus = await open();
    const seen = watch(bus, prefix());

    await eventually(() => expect(seen).toEqual([[]]));
  });

  test('a watch tells every level that lasts: changes, new keys and keys that go', async () => {
    const bus = await open();
    const other = await open();
    const under = prefix();
    await put(other, `${under}a`, '1');
    const seen = watch(bus, under);
    const last = (): readonly string[] | undefined => seen.at(-1)?.map(({ value }) => value);
    await eventually(() => expect(last()).toEqual(['1']));

    await put(other, `${under}a`, '2');
    await eventually(() => expect(last()).toEqual(['2']));
    await put(other, `${under}b`, '3');
    await eventually(() => expect(last()).toEqual(['2', '3']));
    await other.write({ conditions: [], puts: [], deletes: [`${under}a`] });
    await eventually(() => expect(last()).toEqual(['3']));
  });

  test('an entry that did not change stays the same object from one telling to the next', async () => {
    const bus = await open();
    const under = prefix();
    await put(bus, `${under}same`, '1');
    const seen = watch(bus, under);
    await eventually(() => expect(seen).toHaveLength(1));

    await put(bus, `${under}other`, '2');

    await eventually(() => expect(seen.at(-1)).toHaveLength(2));
    expect(seen.at(-1)?.find(({ key }) => key.endsWith('same'))).toBe(seen[0]?.[0]);
  });

  test('a watch is silent after its signal', async () => {
    const bus = await open();
    const under = prefix();
    const ending = new AbortController();
    const ended = watch(bus, under, ending.signal);
    const goingOn = watch(bus, under);
    await eventually(() => expect([ended.length, goingOn.length]).toEqual([1, 1]));

    ending.abort();
    await put(bus, `${under}a`, '1');

    await eventually(() => expect(goingOn).toHaveLength(2));
    expect(ended).toHaveLength(1);
  });

  test('a kept key is there while it is kept, with its latest value, and goes in time after', async () => {
    const bus = await open();
    const other = await open();
    const key = `${prefix()}alive`;
    const ending = new AbortController();
    let value = 'one';
    bus.keepAlive({ key, value: () => value, ttlMs: 2_000, signal: ending.signal });
    await eventually(async () => expect((await other.read(key))?.value).toBe('one'));

    value = 'two';
    await eventually(async () => expect((await other.read(key))?.value).toBe('two'));
    ending.abort();

    await eventually(async () => expect(await other.read(key)).toBeNull());
  });

  test('a kept key that somebody deletes is put back', async () => {
    const bus = await open();
    const key = `${prefix()}alive`;
    bus.keepAlive({ key, value: () => 'here', ttlMs: 2_000, signal: new AbortController().signal });
    await eventually(async () => expect((await bus.read(key))?.value).toBe('here'));

    await bus.write({ conditions: [], puts: [], deletes: [key] });

    await eventually(async () => expect((await bus.read(key))?.value).toBe('here'));
  });
}

export async function put(bus: Bus, key: string, value: string): Promise<string> {
  const written = await bus.write({ conditions: [], puts: [{ key, value }] });
  if (written.outcome !== 'ok') throw new Error(`expected the write to be ok, got ${JSON.stringify(written)}`);
  return written.revision;
}

/** Everything that the watch told, in order. */
export function watch(
  bus: Bus,
  prefix: string,
  signal: AbortSignal = new AbortController().signal,
): readonly (readonly BusEntry[])[] {
  const seen: (readonly BusEntry[])[] = [];
  bus.watch(prefix, (entries) => seen.push(entries), signal);
  return seen;
}
