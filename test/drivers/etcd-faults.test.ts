import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Etcd3 } from 'etcd3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createEtcdBus } from '../../drivers/etcd/bus.ts';
import type { Bus } from '../../model/ports.ts';
import { eventually } from '../eventually.ts';
import { startEtcd } from '../parts/etcd.ts';
import { freePort } from '../parts/free-ports.ts';
import { startProxy } from '../parts/proxy.ts';
import { put, watch } from './bus-contract.ts';

/** Longest that a watch may be deaf when its endpoint freezes; ms. */
const RECOVERY_MS = 15_000;
const PREFIX = '/refit/v1/faults/';
const KEY = `${PREFIX}key`;

const open = (endpoints: readonly string[]): Bus => {
  const bus = createEtcdBus({ endpoints, tls: null });
  onTestFinished(() => bus.close());
  return bus;
};
const lastValues = (seen: ReturnType<typeof watch>): readonly string[] | undefined =>
  seen.at(-1)?.map(({ value }) => value);

describe('writes', () => {
  test('a write whose answer is lost is unknown, and was made once', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const bus = open([proxy.url]);
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
    const bus = open([proxy.url]);
    await bus.read(KEY);

    proxy.cutNext('beforeRequest');
    const written = await bus.write({ conditions: [], puts: [{ key: KEY, value: 'never' }] });

    expect(written.outcome).toBe('unknown');
    expect(await bus.read(KEY)).toBeNull();
  });

  test('a write to a frozen etcd is unknown within its deadline', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const bus = open([proxy.url]);
    await bus.read(KEY);
    const began = performance.now();

    proxy.freeze();
    const written = await bus.write({ conditions: [], puts: [{ key: KEY, value: 'late' }] });

    expect(written).toMatchObject({ outcome: 'unknown' });
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  test('a write goes to the next endpoint when there is no connection to the first', async () => {
    await using etcd = await startEtcd();
    const nobody = `http://127.0.0.1:${await freePort()}`;

    for (let turn = 0; turn < 8; turn += 1) {
      const bus = open([nobody, ...etcd.endpoints]);
      await put(bus, KEY, String(turn));
    }
  });

  test('with no etcd at all a read throws with every endpoint named, and a write is unknown', async () => {
    const nobody = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
    const bus = open(nobody);

    await expect(bus.read(KEY)).rejects.toThrow(nobody[0]);
    await expect(bus.list(PREFIX)).rejects.toThrow(nobody[1]);
    expect(await bus.write({ conditions: [], puts: [{ key: KEY, value: 'x' }] })).toMatchObject({ outcome: 'unknown' });
  });

  test('a counter raised by many writers over kills and cuts ends at what they were told', async () => {
    const seed = Number(process.env['REFIT_SEED'] ?? Date.now() % 1_000_000);
    console.log(`REFIT_SEED=${seed}`);
    const random = seeded(seed);
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const told = { ok: 0, unknown: 0 };
    const ending = new AbortController();
    const writers = Array.from({ length: 4 }, () => count(open([proxy.url]), told, ending.signal));

    for (let fault = 0; fault < 12; fault += 1) {
      const okBefore = told.ok;
      const kind = random();
      if (kind < 0.4) proxy.cutNext('afterRequest');
      else if (kind < 0.6) proxy.cutNext('beforeRequest');
      else if (kind < 0.8) proxy.reset();
      else {
        await etcd.members[0]?.kill();
        await etcd.members[0]?.start();
      }
      await eventually(() => told.ok > okBefore, { withinMs: 20_000 });
    }
    ending.abort();
    await Promise.all(writers);

    const final = Number((await open(etcd.endpoints).read(KEY))?.value);
    expect(told.ok).toBeGreaterThan(10);
    expect(final).toBeGreaterThanOrEqual(told.ok);
    expect(final).toBeLessThanOrEqual(told.ok + told.unknown);
  });
});

describe('watches', () => {
  test('a watch is back on another member soon after any one of three freezes', async () => {
    await using etcd = await startEtcd({ members: 3 });
    const bus = open(etcd.endpoints);
    const seen = watch(bus, PREFIX);
    await eventually(() => seen.length > 0);

    for (const frozen of etcd.members) {
      const writer = open(etcd.endpoints.filter((url) => url !== frozen.url));
      frozen.stop();
      await eventually(() => put(writer, KEY, frozen.name), { withinMs: RECOVERY_MS });
      await eventually(() => expect(lastValues(seen)).toEqual([frozen.name]), { withinMs: RECOVERY_MS });
      frozen.cont();
      await eventually(() => bus.read(KEY));
    }
  });

  test('one of three members that is down is not missed', async () => {
    await using etcd = await startEtcd({ members: 3 });
    await etcd.members[2]?.kill();

    for (let turn = 0; turn < 6; turn += 1) {
      const bus = open(etcd.endpoints);
      const seen = watch(bus, PREFIX);
      await eventually(() => put(bus, KEY, `turn ${turn}`));
      await eventually(() => expect(lastValues(seen)).toEqual([`turn ${turn}`]));
    }
  });

  test('a watch goes on after kill -9 and a restart', async () => {
    await using etcd = await startEtcd();
    const bus = open(etcd.endpoints);
    const seen = watch(bus, PREFIX);
    await put(bus, KEY, 'before');
    await eventually(() => expect(lastValues(seen)).toEqual(['before']));

    await etcd.members[0]?.kill();
    await etcd.members[0]?.start();
    await eventually(() => put(bus, KEY, 'after'));

    await eventually(() => expect(lastValues(seen)).toEqual(['after']));
  });

  test('a watch that was cut off over a compaction ends at what is there', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const direct = open(etcd.endpoints);
    await put(direct, `${PREFIX}gone`, 'x');
    const seen = watch(open([proxy.url]), PREFIX);
    await eventually(() => expect(lastValues(seen)).toEqual(['x']));

    proxy.freeze();
    await direct.write({ conditions: [], puts: [], deletes: [`${PREFIX}gone`] });
    let revision = '0';
    for (let turn = 0; turn < 50; turn += 1) revision = await put(direct, KEY, String(turn));
    await compact(etcd.endpoints, revision);
    proxy.reset();
    proxy.thaw();

    await eventually(() => expect(lastValues(seen)).toEqual(['49']), { withinMs: RECOVERY_MS });
  });

  test('an etcd that forgot everything is noticed: old keys go, and new ones are seen from the first on', async () => {
    await using etcd = await startEtcd();
    const bus = open(etcd.endpoints);
    for (let turn = 0; turn < 20; turn += 1) await put(bus, KEY, String(turn));
    const seen = watch(bus, PREFIX);
    await eventually(() => expect(lastValues(seen)).toEqual(['19']));

    await etcd.members[0]?.wipe();
    await eventually(() => expect(lastValues(seen)).toEqual([]), { withinMs: RECOVERY_MS });
    await eventually(() => put(bus, KEY, 'new'));

    await eventually(() => expect(lastValues(seen)).toEqual(['new']));
  });

  test('no event is missed over fifty broken connections', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const direct = open(etcd.endpoints);
    const seen = watch(open([proxy.url]), PREFIX);
    await eventually(() => seen.length > 0);

    for (let turn = 0; turn < 50; turn += 1) {
      if (turn % 2 === 0) proxy.reset();
      await put(direct, `${PREFIX}${turn}`, String(turn));
      if (turn % 2 === 1) proxy.reset();
    }

    await eventually(() => expect(lastValues(seen)).toHaveLength(50));
  });

  test('thousands of entries are listed page by page and their changes told merged', async () => {
    await using etcd = await startEtcd();
    const bus = open(etcd.endpoints);
    const names = Array.from({ length: 2_560 }, (_, index) => `${PREFIX}${String(index).padStart(5, '0')}`);
    for (let from = 0; from < names.length; from += 128) {
      const puts = names.slice(from, from + 128).map((key) => ({ key, value: key }));
      expect((await bus.write({ conditions: [], puts })).outcome).toBe('ok');
    }
    const seen = watch(bus, PREFIX);
    await eventually(() => expect(seen.at(-1)).toHaveLength(names.length));
    expect((await bus.list(PREFIX)).map(({ key }) => key)).toEqual(names);

    for (let turn = 0; turn < 200; turn += 1) await put(bus, names[turn] ?? '', 'changed');

    await eventually(() => expect(lastValues(seen)?.filter((value) => value === 'changed')).toHaveLength(200));
    expect(seen.length).toBeLessThan(150);
  });

  test('what is put arrives within milliseconds', async () => {
    await using etcd = await startEtcd();
    const bus = open(etcd.endpoints);
    let arrived: (value: number) => void = () => undefined;
    bus.watch(PREFIX, () => arrived(performance.now()), new AbortController().signal);
    await eventually(() => put(bus, KEY, 'first'));

    const delays: number[] = [];
    for (let turn = 0; turn < 50; turn += 1) {
      const arriving = new Promise<number>((resolve) => (arrived = resolve));
      const began = performance.now();
      await put(bus, KEY, String(turn));
      delays.push((await arriving) - began);
    }

    // The middle one: the machine may be busy with other tests now and then.
    expect(delays.sort((a, b) => a - b)[25]).toBeLessThan(20);
  });
});

describe('kept keys', () => {
  test('a kept key is back after a wipe, and after a restart', async () => {
    await using etcd = await startEtcd();
    const bus = open(etcd.endpoints);
    bus.keepAlive({ key: KEY, value: () => 'alive', ttlMs: 2_000, signal: new AbortController().signal });
    await eventually(async () => expect((await bus.read(KEY))?.value).toBe('alive'));

    await etcd.members[0]?.wipe();
    await eventually(async () => expect((await bus.read(KEY))?.value).toBe('alive'));
    await etcd.members[0]?.kill();
    await etcd.members[0]?.start();
    await eventually(async () => expect((await bus.read(KEY))?.value).toBe('alive'));
  });

  test('a kept key goes when its process is cut off, and comes back with it', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const direct = open(etcd.endpoints);
    const bus = open([proxy.url]);
    bus.keepAlive({ key: KEY, value: () => 'alive', ttlMs: 2_000, signal: new AbortController().signal });
    await eventually(async () => expect((await direct.read(KEY))?.value).toBe('alive'));

    proxy.freeze();
    await eventually(async () => expect(await direct.read(KEY)).toBeNull(), { withinMs: 15_000 });
    proxy.reset();
    proxy.thaw();

    await eventually(async () => expect((await direct.read(KEY))?.value).toBe('alive'), { withinMs: 15_000 });
  });

  test('a kept key stays while one of three members freezes', async () => {
    await using etcd = await startEtcd({ members: 3 });
    const bus = open(etcd.endpoints);
    bus.keepAlive({ key: KEY, value: () => 'alive', ttlMs: 6_000, signal: new AbortController().signal });
    await eventually(() => bus.read(KEY));
    const [, second] = etcd.members;
    const others = open(etcd.endpoints.filter((url) => url !== second?.url));
    const seen = watch(others, PREFIX);
    await eventually(() => seen.length > 0);

    second?.stop();
    const until = performance.now() + 8_000;
    await eventually(() => performance.now() > until);

    expect(seen.filter((entries) => entries.length === 0)).toEqual([]);
  });
});

test('a closed bus leaves nothing behind that keeps its process up', async () => {
  await using etcd = await startEtcd();
  const script = `
    import { createEtcdBus } from './drivers/etcd/bus.ts';
    const bus = createEtcdBus({ endpoints: ${JSON.stringify([...etcd.endpoints, 'http://127.0.0.1:1'])}, tls: null });
    const { signal } = new AbortController();
    bus.keepAlive({ key: '${KEY}', value: () => 'x', ttlMs: 5_000, signal });
    bus.watch('${PREFIX}', (entries) => { if (entries.length > 0) bus.close(); }, signal);`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];

  // Ends by itself, or by the time limit with an error.
  await promisify(execFile)(process.execPath, args, { timeout: 20_000, cwd: process.cwd() });
});

type Told = { ok: number; unknown: number };

/** Raises the counter by compare-and-swap, over and over; settles every unknown by reading again. */
async function count(bus: Bus, told: Told, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const entry = await bus.read(KEY).catch(() => undefined);
    if (entry === undefined) continue;
    const value = String(Number(entry?.value ?? 0) + 1);
    const { outcome } = await bus.write({
      conditions: [{ key: KEY, revision: entry?.revision ?? null }],
      puts: [{ key: KEY, value }],
    });
    if (outcome === 'ok') told.ok += 1;
    if (outcome === 'unknown') told.unknown += 1;
  }
}

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

async function compact(hosts: readonly string[], revision: string): Promise<void> {
  const client = new Etcd3({ hosts: [...hosts] });
  try {
    await client.kv.compact({ revision, physical: true });
  } finally {
    client.close();
  }
}
