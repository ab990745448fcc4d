import { Agent } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHaproxySlots } from '../../drivers/haproxy/slots.ts';
import type { Slot } from '../../model/unit.ts';
import { eventually } from '../eventually.ts';
import { startUnitHaproxy, type UnitHaproxy } from '../parts/haproxy.ts';
import { startWeb, type TestWeb } from '../parts/web.ts';
import { askSlot, shopBehind } from './slot-balancer-shop.ts';

/** Cutovers of one test, from slot to slot. */
const CUTOVERS = 20;
/** Requests that are asked between two cutovers at least. */
const REQUESTS = 30;

/** `answered`: the slot, or what went wrong · `expected`: where it had to go; null: a cutover was under way meanwhile. */
type Asked = { readonly answered: string; readonly expected: Slot | null };

let servers: { readonly blue: TestWeb; readonly green: TestWeb };
let haproxy: UnitHaproxy;

beforeAll(async () => {
  const [blue, green] = await Promise.all([startWeb('blue'), startWeb('green')]);
  servers = { blue, green };
  haproxy = await startUnitHaproxy({ blue: blue.port, green: green.port });
});

afterAll(() => Promise.all([haproxy.close(), servers.blue.close(), servers.green.close()]));

test('under constant requests no request fails, and none that begins after a cutover goes to the old slot', async () => {
  const balancer = createHaproxySlots({ name: 'edge', endpoint: haproxy.endpoint });
  const unit = shopBehind(haproxy);
  await balancer.cutOver(unit, 'blue');
  // Where requests certainly go; null while that changes.
  let steady: Slot | null = 'blue';
  const keeping = new Agent({ keepAlive: true, maxSockets: 2 });
  const load = [
    keepAsking(
      async () => askSlot(`${haproxy.urls.web}/`, keeping),
      () => steady,
    ),
    keepAsking(
      async () => askSlot(`${haproxy.urls.web}/slow?ms=20`),
      () => steady,
    ),
    keepAsking(
      async () => askSlot(`${haproxy.urls.web}/`),
      () => steady,
    ),
    // In TCP mode a connection that is kept stays where it is, so these have their own each.
    keepAsking(
      async () => askSlot(`${haproxy.urls.api}/`),
      () => steady,
    ),
  ];

  for (let times = 0; times < CUTOVERS; times++) {
    const to = times % 2 === 0 ? 'green' : 'blue';
    steady = null;
    await balancer.cutOver(unit, to);
    steady = to;
    const before = load.map(({ asked }) => asked.length);
    await eventually(() =>
      load.every(({ asked }, index) => asked.length >= (before[index] ?? 0) + REQUESTS / load.length),
    );
  }
  await Promise.all(load.map(({ stop }) => stop()));
  keeping.destroy();

  const asked = load.flatMap((one) => one.asked);
  expect(asked.length).toBeGreaterThan(CUTOVERS * REQUESTS);
  expect(asked.filter(({ answered }) => answered !== 'blue' && answered !== 'green')).toEqual([]);
  expect(asked.filter(({ answered, expected }) => expected !== null && answered !== expected)).toEqual([]);
  for (const slot of ['blue', 'green'] as const) expect(asked.map(({ expected }) => expected)).toContain(slot);
  // Nor does HAProxy know of one that failed.
  for (const slot of ['blue', 'green'] as const) {
    expect(await balancer.traffic(unit, slot)).toMatchObject({ errors: 0 });
  }
});

/** One request after another, until it is stopped. */
function keepAsking(
  ask: () => Promise<Slot>,
  steady: () => Slot | null,
): { readonly asked: readonly Asked[]; readonly stop: () => Promise<void> } {
  const asked: Asked[] = [];
  let isOver = false;
  const asking = async (): Promise<void> => {
    while (!isOver) {
      const [before, answered] = [steady(), await ask().catch(String)];
      // If a cutover began meanwhile, and even ended, the request may have gone to either.
      asked.push({ answered, expected: before === steady() ? before : null });
    }
  };
  const ended = asking();
  const stop = async (): Promise<void> => {
    isOver = true;
    await ended;
  };
  return { asked, stop };
}
