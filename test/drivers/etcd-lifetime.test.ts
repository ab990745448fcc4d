import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { startEtcd } from '../parts/etcd.ts';
import { startProxy } from '../parts/proxy.ts';
import { put, watch } from './bus-contract.ts';
import { KEY, lastValues, openBus, PREFIX } from './open-bus.ts';

describe('kept keys', () => {
  test('a kept key is back after a wipe, and after a restart', async () => {
    await using etcd = await startEtcd();
    const bus = openBus(etcd.endpoints);
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
    const direct = openBus(etcd.endpoints);
    const bus = openBus([proxy.url]);
    bus.keepAlive({ key: KEY, value: () => 'alive', ttlMs: 2_000, signal: new AbortController().signal });
    await eventually(async () => expect((await direct.read(KEY))?.value).toBe('alive'));

    proxy.freeze();
    await eventually(async () => expect(await direct.read(KEY)).toBeNull());
    proxy.reset();
    proxy.thaw();

    await eventually(async () => expect((await direct.read(KEY))?.value).toBe('alive'));
  });

  test('a kept key stays while one of three members freezes', async () => {
    await using etcd = await startEtcd({ members: 3 });
    const bus = openBus(etcd.endpoints);
    bus.keepAlive({ key: KEY, value: () => 'alive', ttlMs: 10_000, signal: new AbortController().signal });
    await eventually(() => bus.read(KEY));
    const [, second] = etcd.members;
    const others = openBus(etcd.endpoints.filter((url) => url !== second?.url));
    const seen = watch(others, PREFIX);
    await eventually(() => seen.length > 0);

    second?.stop();
    // Longer than the key lives without a word.
    const until = performance.now() + 12_000;
    await eventually(() => performance.now() > until);

    expect(seen.filter((entries) => entries.length === 0)).toEqual([]);
  });
});

describe('connections', () => {
  test('a connection that died silently is replaced within one read', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const bus = openBus([proxy.url]);
    await put(bus, KEY, 'x');

    proxy.strand();
    const began = performance.now();

    expect((await bus.read(KEY))?.value).toBe('x');
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test('an idle connection is silent: etcd hangs up on pings without a call', async () => {
    await using etcd = await startEtcd();
    await using proxy = await startProxy(etcd.endpoints[0] ?? '');
    const bus = openBus([proxy.url]);
    await put(bus, KEY, 'x');
    let received = 0;
    let quietSince = 0;

    // Longer than the time between two pings.
    await eventually(
      () => {
        if (proxy.received() !== received) quietSince = performance.now();
        received = proxy.received();
        return performance.now() - quietSince > 7_000;
      },
      { everyMs: 100 },
    );

    expect(received).toBeGreaterThan(0);
  });
});

test('with certificates on both sides the bus works, and without the client’s own it does not', async () => {
  await using etcd = await startEtcd({ isSecure: true });
  const bus = openBus(etcd.endpoints, etcd.tls);
  const seen = watch(bus, PREFIX);

  await put(bus, KEY, 'secret');

  await eventually(() => expect(lastValues(seen)).toEqual(['secret']));
  await expect(openBus(etcd.endpoints).read(KEY)).rejects.toThrow(etcd.endpoints[0]);
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
  await promisify(execFile)(process.execPath, args, { timeout: 60_000, cwd: process.cwd() });
});
