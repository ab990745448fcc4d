import { Etcd3 } from 'etcd3';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Bus } from '../../model/ports.ts';
import { eventually } from '../eventually.ts';
import { startEtcd } from '../parts/etcd.ts';
import { freePort } from '../parts/free-ports.ts';
import { startProxy } from '../parts/proxy.ts';
import { put } from './bus-contract.ts';
import { KEY, openBus, PREFIX } from './open-bus.ts';

describe('writes', () => {
  test('a write whose answer is lost is unknown, and was made once', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const bus = openBus([proxy.url]);
    await bus.read(KEY);

    proxy.cutNext('afterRequest');
    const written = await bus.write({ conditions: [], puts: [{ key: KEY, value: 'once' }] });

    expect(written.outcome).toBe('unknown');
    const [entry] = await versions(etcd.endpoints, KEY);
    expect(entry).toEqual({ value: 'once', version: '1' });
  });

  test('a write that is lost on its way is unknown, and is not made later', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const bus = openBus([proxy.url]);
    await bus.read(KEY);

    proxy.cutNext('beforeRequest');
    const written = await bus.write({ conditions: [], puts: [{ key: KEY, value: 'never' }] });

    expect(written.outcome).toBe('unknown');
    expect(await bus.read(KEY)).toBeNull();
  });

  test('a write to a frozen etcd is unknown within its deadline', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const bus = openBus([proxy.url]);
    await bus.read(KEY);
    const began = performance.now();

    proxy.freeze();
    const written = await bus.write({ conditions: [], puts: [{ key: KEY, value: 'late' }] });

    expect(written).toMatchObject({ outcome: 'unknown' });
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test('a write goes to the next endpoint when there is no connection to the first', async () => {
    await using etcd = await startEtcd();
    const nobody = `http://127.0.0.1:${await freePort()}`;

    for (let turn = 0; turn < 8; turn += 1) {
      const bus = openBus([nobody, ...etcd.endpoints]);
      await put(bus, KEY, String(turn));
    }
  });

  test('with no etcd at all a read throws with every endpoint named, and a write is unknown', async () => {
    const nobody = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
    const bus = openBus(nobody);

    await expect(bus.read(KEY)).rejects.toThrow(nobody[0]);
    await expect(bus.list(PREFIX)).rejects.toThrow(nobody[1]);
    expect(await bus.write({ conditions: [], puts: [{ key: KEY, value: 'x' }] })).toMatchObject({ outcome: 'unknown' });
  });

  test('over kills and cuts, many writers who count together know exactly which of their writes were made', async () => {
    const seed = Number(process.env['REFIT_SEED'] ?? Date.now() % 1_000_000);
    console.log(`REFIT_SEED=${seed}`);
    const random = seeded(seed);
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const told = { ok: 0, unknown: 0 };
    const ending = new AbortController();
    const names = ['a', 'b', 'c', 'd'];
    const writers = names.map((name) => count(openBus([proxy.url]), { name, told, signal: ending.signal }));

    for (let fault = 0; fault < 30; fault += 1) {
      const okBefore = told.ok;
      const kind = random();
      if (kind < 0.5) proxy.cutNext('afterRequest');
      else if (kind < 0.7) proxy.cutNext('beforeRequest');
      else if (kind < 0.9) proxy.reset();
      else {
        await etcd.members[0]?.kill();
        await etcd.members[0]?.start();
      }
      await eventually(() => told.ok > okBefore + 4, { withinMs: 60_000 });
    }
    ending.abort();
    const counts = await Promise.all(writers);

    expect(told.unknown).toBeGreaterThan(0);
    const final = readCounts((await openBus(etcd.endpoints).read(KEY))?.value);
    expect(final).toEqual(Object.fromEntries(names.map((name, index) => [name, counts[index]])));
  });
});

type Counting = {
  readonly name: string;
  readonly told: { ok: number; unknown: number };
  readonly signal: AbortSignal;
};

/**
 * Raises its own number in a value that all share, by compare-and-swap; returns what it knows its number to be. A write
 * without an answer may still arrive: it is settled once the value has moved on from the revision that it compared.
 */
async function count(bus: Bus, { name, told, signal }: Counting): Promise<number> {
  let mine = 0;
  let unsettled: string | null = null;
  for (;;) {
    const entry = await bus.read(KEY).catch(() => undefined);
    if (entry === undefined) continue;
    const counts = readCounts(entry?.value);
    const found = counts[name] ?? 0;
    const isPossible = found === mine || (unsettled !== null && found === mine + 1);
    if (!isPossible) throw new Error(`writer ${name} was told ${mine} and found ${found}`);
    mine = found;
    const revision = entry?.revision ?? null;
    if (unsettled !== (revision ?? 'none')) unsettled = null;
    if (signal.aborted && unsettled === null) return mine;
    const value = JSON.stringify({ ...counts, [name]: mine + 1 });
    const { outcome } = await bus.write({ conditions: [{ key: KEY, revision }], puts: [{ key: KEY, value }] });
    if (outcome === 'ok') {
      mine += 1;
      unsettled = null;
    }
    if (outcome === 'unknown') unsettled = revision ?? 'none';
    if (outcome !== 'refused') told[outcome] += 1;
  }
}

const readCounts = (text: string | undefined): Readonly<Record<string, number>> =>
  z.record(z.string(), z.number()).parse(JSON.parse(text ?? '{}'));

/** mulberry32: small, and the same on every machine. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** How often a key was written since it was created: from etcd itself, past the bus. */
async function versions(hosts: readonly string[], key: string): Promise<readonly { value: string; version: string }[]> {
  const client = new Etcd3({ hosts: [...hosts] });
  try {
    const { kvs } = await client.kv.range({ key: Buffer.from(key) });
    return kvs.map(({ value, version }) => ({ value: value.toString(), version }));
  } finally {
    client.close();
  }
}
