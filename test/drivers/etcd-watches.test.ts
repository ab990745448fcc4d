import { Etcd3 } from 'etcd3';
import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { startEtcd } from '../parts/etcd.ts';
import { startProxy } from '../parts/proxy.ts';
import { put, watch } from './bus-contract.ts';
import { KEY, lastValues, openBus, PREFIX } from './open-bus.ts';

/** Longest that a watch may be deaf when its endpoint freezes: 9 s, and as much again three times over on a busy machine; ms. */
const RECOVERY_MS = 40_000;

describe('watches', () => {
  test('a watch is back on another member soon after any one of three freezes', async () => {
    await using etcd = await startEtcd({ members: 3 });
    const bus = openBus(etcd.endpoints);
    const seen = watch(bus, PREFIX);
    await eventually(() => seen.length > 0);

    for (const frozen of etcd.members) {
      const writer = openBus(etcd.endpoints.filter((url) => url !== frozen.url));
      frozen.stop();
      await eventually(() => put(writer, KEY, frozen.name), { withinMs: RECOVERY_MS });
      await eventually(() => expect(lastValues(seen)).toEqual([frozen.name]), { withinMs: RECOVERY_MS });
      frozen.cont();
      await eventually(() => bus.read(KEY));
    }
  });

  test('a frozen endpoint that another call has given up is left by the watch at once', async () => {
    await using etcd = await startEtcd();
    await using first = await startProxy(etcd.endpoints[0] ?? '');
    await using second = await startProxy(etcd.endpoints[0] ?? '');
    const bus = openBus([first.url, second.url]);
    const seen = watch(bus, PREFIX);
    await eventually(() => seen.length > 0);

    (first.received() > 0 ? first : second).freeze();
    await bus.read(KEY);
    await put(openBus(etcd.endpoints), KEY, 'seen');

    // Less than the keepalive of the watch's own connection takes.
    await eventually(() => expect(lastValues(seen)).toEqual(['seen']), { withinMs: 5_000 });
  });

  test('one of three members that is down is not missed', async () => {
    await using etcd = await startEtcd({ members: 3 });
    await etcd.members[2]?.kill();

    for (let turn = 0; turn < 6; turn += 1) {
      const bus = openBus(etcd.endpoints);
      const seen = watch(bus, PREFIX);
      await eventually(() => put(bus, KEY, `turn ${turn}`));
      await eventually(() => expect(lastValues(seen)).toEqual([`turn ${turn}`]));
    }
  });

  test('a watch goes on after kill -9 and a restart', async () => {
    await using etcd = await startEtcd();
    const bus = openBus(etcd.endpoints);
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
    const direct = openBus(etcd.endpoints);
    await put(direct, `${PREFIX}gone`, 'x');
    const seen = watch(openBus([proxy.url]), PREFIX);
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
    const bus = openBus(etcd.endpoints);
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
    const direct = openBus(etcd.endpoints);
    const seen = watch(openBus([proxy.url]), PREFIX);
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
    const bus = openBus(etcd.endpoints);
    const names = Array.from({ length: 2_560 }, (_, index) => `${PREFIX}${String(index).padStart(5, '0')}`);
    for (let from = 0; from < names.length; from += 128) {
      const puts = names.slice(from, from + 128).map((key) => ({ key, value: key }));
      expect((await bus.write({ conditions: [], puts })).outcome).toBe('ok');
    }
    const seen = watch(bus, PREFIX);
    await eventually(() => expect(seen.at(-1)).toHaveLength(names.length));
    expect((await bus.list(PREFIX)).map(({ key }) => key)).toEqual(names);

    await Promise.all(names.slice(0, 200).map((name) => put(bus, name, 'changed')));

    await eventually(() => expect(lastValues(seen)?.filter((value) => value === 'changed')).toHaveLength(200));
    expect(seen.length).toBeLessThan(150);
  });

  test('what is put arrives at once', async () => {
    await using etcd = await startEtcd();
    const bus = openBus(etcd.endpoints);
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

    // About 1 ms; the bound is for a busy machine, and far below the time of any poll.
    expect(delays.sort((a, b) => a - b)[25]).toBeLessThan(500);
  });
});

async function compact(hosts: readonly string[], revision: string): Promise<void> {
  const client = new Etcd3({ hosts: [...hosts] });
  try {
    await client.kv.compact({ revision, physical: true });
  } finally {
    client.close();
  }
}
