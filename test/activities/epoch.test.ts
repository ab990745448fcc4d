import { afterEach, describe, expect, it } from 'vitest';
import { busKeys } from '../../model/bus.ts';
import { failureTypes } from '../../model/failures.ts';
import { createEtcdBus } from '../../drivers/etcd/bus.ts';
import type { Bus } from '../../model/ports.ts';
import { eventually } from '../eventually.ts';
import { fleetId } from '../fakes/fleet.ts';
import { startEtcd, type EtcdCluster } from '../parts/etcd.ts';
import { orderFor, perform, run, startHarness, at, type Harness } from './harness.ts';

const claim = (name: string, startedAt: number) => ({ ...run, run: name, startedAt });

let etcd: EtcdCluster | null = null;
let harness: Harness | null = null;

afterEach(async () => {
  harness?.close();
  await etcd?.close();
  etcd = null;
});

async function start(kind: string, hosts = 1): Promise<Harness> {
  if (kind === 'etcd') etcd = await startEtcd();
  const { endpoints } = etcd ?? { endpoints: [] };
  const connect = (): Bus => createEtcdBus({ endpoints, tls: null });
  harness = kind === 'etcd' ? startHarness(hosts, connect) : startHarness(hosts);
  return harness;
}

describe.each(['memory', 'etcd'])('claiming the epoch on %s', (kind) => {
  it('the same run gets the same epoch again, and a later run a higher one', async () => {
    const { activities } = await start(kind);

    expect(await perform(activities.claimEpoch, claim('a', 1))).toEqual({ epoch: 1 });
    expect(await perform(activities.claimEpoch, claim('a', 1))).toEqual({ epoch: 1 });
    expect(await perform(activities.claimEpoch, claim('b', 2))).toEqual({ epoch: 2 });
  });

  it('an earlier run that comes late is fenced off for good', async () => {
    const { activities } = await start(kind);
    await perform(activities.claimEpoch, claim('b', 2));

    await expect(perform(activities.claimEpoch, claim('a', 1))).rejects.toMatchObject({
      type: failureTypes.fenced,
      nonRetryable: true,
    });
  });

  it('attempts of one run that race all get one epoch', async () => {
    const one = await start(kind);
    const workers = [one.activities, one.another(), one.another(), one.another()];

    const claims = await Promise.all(workers.map(async (worker) => perform(worker.claimEpoch, claim('a', 1))));

    expect(new Set(claims.map(({ epoch }) => epoch))).toEqual(new Set([1]));
  });

  it('runs that race get an epoch each, or are fenced off', async () => {
    const one = await start(kind);
    const workers = [one.activities, one.another(), one.another(), one.another()];

    const claims = await Promise.allSettled(
      workers.map(async (worker, index) => perform(worker.claimEpoch, claim(`run-${index}`, index))),
    );

    const epochs = claims.flatMap((claimed) => (claimed.status === 'fulfilled' ? [claimed.value.epoch] : []));
    expect(new Set(epochs).size).toBe(epochs.length);
    expect(at(claims, 3).status).toBe('fulfilled');
  });

  it('after a wipe the next epoch is above everything that the agents know', async () => {
    const one = await start(kind);
    for (let epoch = 1; epoch <= 5; epoch++) await perform(one.activities.claimEpoch, claim(`run-${epoch}`, epoch));
    one.agent(0).start();
    await perform(one.activities.orderHost, orderFor(one.agent(0).host, { epoch: 5 }));
    if (etcd === null) one.store.wipe();
    else await at(etcd.members, 0).wipe();
    await eventually(async () => (await one.bus.list(busKeys(fleetId).hosts)).length > 0, { withinMs: 40_000 });

    const { epoch } = await perform(one.activities.claimEpoch, claim('after', 9));

    expect(epoch).toBe(6);
  });
});

describe('a claim without an answer', () => {
  it.each(['applied', 'dropped'] as const)('that was %s is settled by reading', async (effect) => {
    const { store, activities } = await start('memory');
    store.loseNextAnswer(effect);

    expect(await perform(activities.claimEpoch, claim('a', 1))).toEqual({ epoch: 1 });
    expect(store.json(busKeys(fleetId).epoch)).toMatchObject({ epoch: 1, run: 'a' });
  });

  it('an unreadable epoch is never written over', async () => {
    const { bus, activities } = await start('memory');
    await bus.write({ conditions: [], puts: [{ key: busKeys(fleetId).epoch, value: 'seven' }] });

    await expect(perform(activities.claimEpoch, claim('a', 1))).rejects.toThrow(/unreadable epoch/);
  });
});
