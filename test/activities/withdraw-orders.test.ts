import { afterEach, describe, expect, it } from 'vitest';
import { withdrawOrders } from '../../activities/withdraw-orders.ts';
import * as values from '../../drivers/bus-values.ts';
import { createEtcdBus } from '../../drivers/etcd/bus.ts';
import { busKeys, type HostFacts, type Order, type Report } from '../../model/bus.ts';
import { failureTypes } from '../../model/failures.ts';
import { isAlreadyThere } from '../../model/preflight.ts';
import { parseHostId, parseServiceId, type HostId } from '../../model/ids.ts';
import type { Bus, BusPut } from '../../model/ports.ts';
import { eventually } from '../eventually.ts';
import { fleetId } from '../fakes/fleet.ts';
import { hostFacts } from '../fakes/host-facts.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { releaseRef } from '../fakes/release.ts';
import { startEtcd } from '../parts/etcd.ts';
import { systemClock } from '../../worker/ports.ts';
import { at, newEnvironment, orderFor, perform, run, startHarness, upgradeId, type Harness } from './harness.ts';

const keys = busKeys(fleetId);
const host = parseHostId('host-1');
const first = { ...run, run: 'first', startedAt: 1 };
const second = { ...run, run: 'second', startedAt: 2 };
/** More than go into one transaction of etcd, twice. */
const MANY = 200;
/** What etcd takes in one transaction. */
const MAX_OPERATIONS = 128;

let harness: Harness | null = null;
afterEach(() => harness?.close());

/** A fleet whose first run has claimed epoch 1. */
async function start(hosts = 1): Promise<Harness> {
  harness = startHarness(hosts);
  await perform(harness.activities.claimEpoch, first);
  return harness;
}

const order = (changes: Partial<Order> = {}): Order => ({
  ...{ v: 1, upgrade: upgradeId, hop: 0, epoch: 1, sequence: 3, action: 'install', release: releaseRef() },
  ...{ step: null, service: null, edited: null, start: 'now', deadlineMs: 60_000 },
  ...changes,
});

const report = (changes: Partial<Report> = {}): Report => ({
  ...{ v: 1, upgrade: upgradeId, epoch: 1, sequence: 3, action: 'install', phase: 'installing', refused: null },
  ...{ step: null, error: null, bootId: 'b', agent: 'a', installed: null, measured: {}, probe: null },
  ...{ startedAt: 1, finishedAt: null, changedAt: 1 },
  ...changes,
});

const putOrder = (one: Order, name: HostId = host): BusPut => ({
  ...{ key: keys.order(name), value: values.encodeBusValue(one) },
});
const putReport = (one: Report): BusPut => ({ key: keys.report(host), value: values.encodeBusValue(one) });

async function put(bus: Bus, ...puts: readonly BusPut[]): Promise<void> {
  expect((await bus.write({ conditions: [], puts })).outcome).toBe('ok');
}

const facts = (installed: HostFacts['installed']): HostFacts => hostFacts({ installed, agent: '1.0.0', phase: 'done' });
const blank = { host, engineProblem: null, factsProblem: null, clockSkewMs: 0, busProblems: [], jump: 'same' } as const;

/** What is there instead; no order of a run has this sequence. */
const withdrawnBy = (epoch: number): Partial<Order> => ({
  ...{ epoch, sequence: 0, action: 'stand-down', upgrade: upgradeId, step: null, service: null, start: 'now' },
});

const withdraw = async (bus: Bus, epoch: number): Promise<void> =>
  newEnvironment().run(async () => withdrawOrders({ bus, values, clock: systemClock }, { fleet: fleetId, epoch }));

describe('a run that claims its epoch', () => {
  it('a host that never saw the order of an aborted run obeys the next run alone when it is back', async () => {
    const { activities, agent, bus, store } = await start();
    await put(bus, putOrder(order()));
    await perform(activities.claimEpoch, second);
    expect(store.json(keys.order(host))).toMatchObject(withdrawnBy(2));

    agent(0).start();
    await eventually(() => store.json(keys.alive(host)) !== null);
    expect(await perform(activities.orderHost, orderFor(host, { epoch: 2 }))).toMatchObject({ state: 'done' });

    expect(agent(0).begun.map(({ epoch }) => epoch)).toEqual([2]);
  });

  it.each(['install', 'service', 'revert', 'probe'] as const)(
    'withdraws an order to %s, and one that waits for the baton',
    async (action) => {
      const { activities, bus, store } = await start(2);
      const other = parseHostId('host-2');
      const service = action === 'service' ? { name: parseServiceId('web'), containers: ['web-1'] } : null;
      await put(bus, putOrder(order({ action, service })), putOrder(order({ start: 'baton' }), other));

      await perform(activities.claimEpoch, second);

      for (const key of [keys.order(host), keys.order(other)]) expect(store.json(key)).toMatchObject(withdrawnBy(2));
    },
  );

  it('leaves an order that its host is at work on, and the host at its work', async () => {
    const { activities, another, agent, store } = await start();
    agent(0).next('stall').start();
    const ordered = perform(activities.orderHost, orderFor(host));
    await eventually(() => store.json(keys.report(host)) !== null);

    await perform(another().claimEpoch, second);
    agent(0).finish();

    expect(await ordered).toMatchObject({ state: 'done' });
    expect(store.json(keys.order(host))).toMatchObject({ epoch: 1, sequence: 1 });
  });

  const answers: readonly [what: string, answer: Partial<Report>][] = [
    ['waits for the baton', { phase: 'staged' }],
    ['is done', { phase: 'done' }],
    ['refused it', { phase: 'idle', refused: 'no such release' }],
    ['has seen a later one', { sequence: 4 }],
  ];
  it.each(answers)('leaves the order of a host that %s', async (_what, answer) => {
    const { activities, bus, store } = await start();
    await put(bus, putOrder(order()), putReport(report(answer)));

    await perform(activities.claimEpoch, second);

    expect(store.json(keys.order(host))).toMatchObject({ epoch: 1, sequence: 3 });
  });

  it('takes an earlier report, or one that can not be read, for no answer', async () => {
    const { activities, bus, store } = await start();
    await put(bus, putOrder(order()), putReport(report({ sequence: 2, phase: 'done' })));
    await perform(activities.claimEpoch, second);
    expect(store.json(keys.order(host))).toMatchObject(withdrawnBy(2));

    await put(bus, putOrder(order({ epoch: 2 })), { key: keys.report(host), value: 'seven' });
    await perform(activities.claimEpoch, { ...run, run: 'third', startedAt: 3 });
    expect(store.json(keys.order(host))).toMatchObject(withdrawnBy(3));
  });

  it('leaves a stand-down as it is, which sets nobody to work', async () => {
    const { activities, bus, store } = await start();
    await put(bus, putOrder(order({ action: 'stand-down' })));

    await perform(activities.claimEpoch, second);

    expect(store.json(keys.order(host))).toMatchObject({ epoch: 1, sequence: 3 });
  });

  it('a host that accepted an order and has not said so yet is not taken for one at rest', async () => {
    const { activities, bus, store } = await start();
    const ref = releaseRef();
    await put(bus, putOrder(order({ action: 'revert' })), putReport(report({ sequence: 2, phase: 'done' })));

    await perform(activities.claimEpoch, second);

    const found = values.parseOrder(at(store.under(keys.order(host)), 0).value);
    const reading = { facts: facts(ref), order: found.ok ? found.value : null, report: report({ sequence: 2 }) };
    expect(isAlreadyThere({ ...blank, ...reading }, ref)).toBe(false);
  });

  it('leaves what can not be read, since nobody obeys it', async () => {
    const { activities, bus } = await start();
    await put(bus, { key: keys.order(host), value: 'seven' });

    await perform(activities.claimEpoch, second);

    expect((await bus.read(keys.order(host)))?.value).toBe('seven');
  });

  it('withdraws on its next attempt what the first was cut off from, and never an order of its own', async () => {
    const { activities, bus, store } = await start(2);
    const other = parseHostId('host-2');
    await perform(activities.claimEpoch, second);
    await put(bus, putOrder(order()), putOrder(order({ epoch: 2, sequence: 1 }), other));

    expect(await perform(activities.claimEpoch, second)).toEqual({ epoch: 2 });

    expect(store.json(keys.order(host))).toMatchObject(withdrawnBy(2));
    expect(store.json(keys.order(other))).toMatchObject({ epoch: 2 });
  });
});

describe('withdrawing while others write', () => {
  /** Does something just before the first write. */
  const beforeWrite = (bus: Bus, happens: () => Promise<unknown>): Bus => {
    let isFirst = true;
    return {
      ...bus,
      write: async (change) => {
        if (isFirst) {
          isFirst = false;
          await happens();
        }
        return bus.write(change);
      },
    };
  };

  it('an answer that comes just then keeps its order', async () => {
    const { activities, bus, store } = await start();
    await perform(activities.claimEpoch, second);
    await put(bus, putOrder(order()));

    await withdraw(
      beforeWrite(bus, async () => put(bus, putReport(report()))),
      2,
    );

    expect(store.json(keys.order(host))).toMatchObject({ epoch: 1, sequence: 3 });
  });

  it('a refused write is read again, and withdraws the rest', async () => {
    const { activities, bus, store } = await start(2);
    const other = parseHostId('host-2');
    await perform(activities.claimEpoch, second);
    await put(bus, putOrder(order()), putOrder(order(), other));

    await withdraw(
      beforeWrite(bus, async () => put(bus, putReport(report()))),
      2,
    );

    expect(store.json(keys.order(host))).not.toBeNull();
    expect(store.json(keys.order(other))).toMatchObject(withdrawnBy(2));
  });

  it('a run that another followed meanwhile withdraws nothing, and is fenced off', async () => {
    const { activities, another, bus, store } = await start();
    const later = another();
    await perform(activities.claimEpoch, second);
    await put(bus, putOrder(order()));
    const taken = beforeWrite(bus, async () => {
      await perform(later.claimEpoch, { ...run, run: 'third', startedAt: 3 });
      await put(bus, putOrder(order({ sequence: 9 })));
    });

    await expect(withdraw(taken, 2)).rejects.toMatchObject({ type: failureTypes.fenced, nonRetryable: true });

    expect(store.json(keys.order(host))).toMatchObject({ sequence: 9 });
  });

  it.each(['applied', 'dropped'] as const)(
    'a write without an answer that was %s is settled by reading',
    async (effect) => {
      const { activities, bus, store } = await start();
      await perform(activities.claimEpoch, second);
      await put(bus, putOrder(order()));
      store.loseNextAnswer(effect);

      await withdraw(bus, 2);

      expect(store.json(keys.order(host))).toMatchObject(withdrawnBy(2));
    },
  );

  it('a write that is refused forever ends in an error that names the key', async () => {
    const { activities, bus } = await start();
    await perform(activities.claimEpoch, second);
    await put(bus, putOrder(order()));
    const refusing: Bus = { ...bus, write: async () => Promise.resolve({ outcome: 'refused' }) };

    await expect(withdraw(refusing, 2)).rejects.toThrow(/hosts\/host-1\/order.* attempts; the last was refused/);
  });
});

describe('withdrawing in a large fleet', () => {
  const hosts = Array.from({ length: MANY }, (_, index) => parseHostId(`many-${index}`));

  it('costs one list and no write where there is nothing to withdraw', async () => {
    const bus = new MemoryBus().connect();
    await put(bus, { key: keys.epoch, value: values.encodeBusValue({ v: 1, epoch: 2, run: 'second', startedAt: 2 }) });
    await put(bus, ...hosts.map((name) => putOrder(order({ epoch: 2 }), name)));
    const calls: string[] = [];
    const counting: Bus = {
      ...bus,
      read: async (key) => (calls.push(`read ${key}`), bus.read(key)),
      list: async (prefix) => (calls.push(`list ${prefix}`), bus.list(prefix)),
      write: async (change) => (calls.push('write'), bus.write(change)),
    };

    await withdraw(counting, 2);

    expect(calls).toEqual([`list ${keys.hosts}`]);
  });

  it('withdraws all in transactions that etcd takes', async () => {
    await using etcd = await startEtcd();
    const bus = createEtcdBus({ endpoints: etcd.endpoints, tls: null });
    for (let from = 0; from < MANY; from += MAX_OPERATIONS) {
      await put(bus, ...hosts.slice(from, from + MAX_OPERATIONS).map((name) => putOrder(order(), name)));
    }
    // The epoch that a wipe lost is one operation more.
    await withdraw(bus, 2);

    const orders = (await bus.list(keys.hosts)).map(({ value }) => values.parseOrder(value));
    expect(orders).toHaveLength(MANY);
    expect(orders.every((one) => one.ok && one.value.action === 'stand-down' && one.value.epoch === 2)).toBe(true);
    expect(at(await bus.list(keys.epoch), 0).value).toContain('"epoch":2');
    bus.close();
  });
});
