import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLocalOrders } from '../../agent/local/local-orders.ts';
import { localOrderFile, makeLocalFolder, removeLocalOrder, writeLocalOrder } from '../../agent/local/order-file.ts';
import { createOwnBus } from '../../agent/local/own-bus.ts';
import { parseOrder } from '../../drivers/bus-values.ts';
import type { Order } from '../../model/bus.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import type { Bus } from '../../model/ports.ts';
import { eventually } from '../eventually.ts';
import { orderOf } from './states.ts';
import { countingStep, keys, me, TestHost, write } from './test-host.ts';

let host: TestHost;
let watching: AbortController;
beforeEach(() => {
  host = new TestHost();
  watching = new AbortController();
  makeLocalFolder(host.places);
});
afterEach(() => {
  watching.abort();
  host.close();
});

const logs: string[] = [];
const overFolder = (bus: Bus): Bus =>
  withLocalOrders(bus, {
    file: localOrderFile(host.places),
    keys: { host: keys.host(me), order: keys.order(me) },
    log: (event) => logs.push(event),
  });

/** The order that an agent would see now. */
function watchOrder(bus: Bus): () => Order | null {
  let value: string | null = null;
  bus.watch(
    keys.host(me),
    (entries) => {
      value = entries.find(({ key }) => key === keys.order(me))?.value ?? null;
    },
    watching.signal,
  );
  return () => {
    const parsed = value === null ? null : parseOrder(value);
    return parsed?.ok === true ? parsed.value : null;
  };
}

test('of the bus’s order and the folder’s the higher one is seen, whichever comes later', async () => {
  const seen = watchOrder(overFolder(host.bus.connect()));

  await host.put(keys.order(me), orderOf({ epoch: 3, sequence: 7 }));
  await eventually(() => seen()?.epoch === 3);
  writeLocalOrder(host.places, orderOf({ epoch: 4, sequence: 0 }));
  await eventually(() => seen()?.epoch === 4);
  await host.put(keys.order(me), orderOf({ epoch: 3, sequence: 8 }));
  await host.put(keys.report(me), 'a later change of the host’s keys');
  await eventually(() => host.bus.under(keys.report(me)).length === 1);
  expect(seen()).toMatchObject({ epoch: 4 });
  await host.put(keys.order(me), orderOf({ epoch: 4, sequence: 1 }));

  await eventually(() => seen()?.sequence === 1);
});

test('an order that is taken out of the folder gives the bus’s back', async () => {
  const seen = watchOrder(overFolder(host.bus.connect()));
  await host.put(keys.order(me), orderOf({ epoch: 3 }));
  writeLocalOrder(host.places, orderOf({ epoch: 4 }));
  await eventually(() => seen()?.epoch === 4);

  removeLocalOrder(host.places);

  await eventually(() => seen()?.epoch === 3);
});

test('an order that was there before the agent is seen, and so is one while the bus is away', async () => {
  writeLocalOrder(host.places, orderOf({ epoch: 4 }));
  host.bus.down();

  const seen = watchOrder(overFolder(host.bus.connect()));
  await eventually(() => seen()?.epoch === 4);
  writeLocalOrder(host.places, orderOf({ epoch: 5 }));

  await eventually(() => seen()?.epoch === 5);
});

test('an order on the bus that can’t be read hides none in the folder, nor the other way round', async () => {
  const seen = watchOrder(overFolder(host.bus.connect()));
  await host.put(keys.order(me), '{"v":1,"upgr');
  writeLocalOrder(host.places, orderOf({ epoch: 4 }));
  await eventually(() => seen()?.epoch === 4);

  await host.put(keys.order(me), orderOf({ epoch: 3 }));
  write(localOrderFile(host.places), '{"v":1,"upgr');

  await eventually(() => seen()?.epoch === 3);
  expect(logs).toContain('local order refused');
});

test('a folder that somebody removes ends nobody’s watch of the bus', async () => {
  const seen = watchOrder(overFolder(host.bus.connect()));
  writeLocalOrder(host.places, orderOf({ epoch: 4 }));
  await eventually(() => seen()?.epoch === 4);

  rmSync(`${host.places.state}/local`, { recursive: true });
  await host.put(keys.order(me), orderOf({ epoch: 3 }));

  await eventually(() => seen()?.epoch === 3);
});

test('a local upgrade is reported on the bus as well, and the fleet’s next order is obeyed', async () => {
  const release = host.stage({ version: '2.0.0', steps: [countingStep('count', `${host.folder}/count`)] });
  host.start({ bus: overFolder(host.bus.connect()) });
  const local = orderOf({ release, upgrade: parseUpgradeId('local-1'), epoch: 6, sequence: 0 });

  writeLocalOrder(host.places, local);
  const report = await host.settled(local);
  const next = await host.order(release, { upgrade: parseUpgradeId('site-8'), epoch: 7, sequence: 1 });

  expect(report).toMatchObject({ phase: 'done', upgrade: 'local-1', installed: { version: '2.0.0' } });
  expect(await host.settled(next)).toMatchObject({ phase: 'done', upgrade: 'site-8', refused: null });
});

test('an older order in the folder is not obeyed after a newer one of the bus', async () => {
  const release = host.stage({ version: '2.0.0', steps: [countingStep('count', `${host.folder}/count`)] });
  const old = host.stage({ version: '1.0.0', steps: [countingStep('old', `${host.folder}/old`)] });
  host.start({ bus: overFolder(host.bus.connect()) });
  const done = await host.settled(await host.order(release, { epoch: 7 }));

  writeLocalOrder(host.places, orderOf({ release: old, epoch: 6 }));
  host.bus.wipe();
  await eventually(() => host.logs.some((line) => line.includes('stale order epoch 6')));

  await eventually(() => host.report()?.installed?.version === '2.0.0');
  expect(done.phase).toBe('done');
});

test('the bus of an agent without one shows what was written, under its conditions', async () => {
  const bus = createOwnBus();
  const shown: (readonly string[])[] = [];
  bus.watch('/a/', (entries) => shown.push(entries.map(({ value }) => value)), watching.signal);

  const first = await bus.write({
    conditions: [{ key: '/a/1', revision: null }],
    puts: [{ key: '/a/1', value: 'one' }],
  });
  const late = await bus.write({
    conditions: [{ key: '/a/1', revision: null }],
    puts: [{ key: '/a/1', value: 'two' }],
  });
  await bus.write({ conditions: [], puts: [{ key: '/b/1', value: 'other' }] });

  expect([first.outcome, late.outcome]).toEqual(['ok', 'refused']);
  expect((await bus.read('/a/1'))?.value).toBe('one');
  await eventually(() => shown.at(-1)?.join() === 'one');
  await bus.write({ conditions: [], puts: [], deletes: ['/a/1'] });
  await eventually(() => shown.at(-1)?.length === 0);
  expect(await bus.list('/')).toHaveLength(1);
});
