import { afterEach, describe, expect, it } from 'vitest';
import { encodeBusValue } from '../../drivers/bus-values.ts';
import { createEtcdBus } from '../../drivers/etcd/bus.ts';
import { busKeys, type Order, type Report } from '../../model/bus.ts';
import { failureTypes } from '../../model/failures.ts';
import type { HostHeartbeat } from '../../model/upgrade.ts';
import { eventually } from '../eventually.ts';
import { fleetId } from '../fakes/fleet.ts';
import type { Fate } from '../fakes/agent.ts';
import { startEtcd } from '../parts/etcd.ts';
import { at, newEnvironment, orderFor, perform, run, SILENCE_MS, startHarness, type Harness } from './harness.ts';

const keys = busKeys(fleetId);
let harness: Harness | null = null;

afterEach(() => harness?.close());

async function start(hosts = 1): Promise<Harness> {
  harness = startHarness(hosts);
  await perform(harness.activities.claimEpoch, { ...run, run: 'first', startedAt: 1 });
  return harness;
}

describe('ordering one host', () => {
  const ends: readonly [fate: Fate, state: string, error: RegExp | null][] = [
    ['done', 'done', null],
    ['fail', 'reverted', /told to fail/],
    ['unhealthy', 'unhealthy', /told to unhealthy/],
    ['stuck', 'stuck', /told to stuck/],
    ['refuse', 'failed', /release.json is not what the order says/],
    ['wrong', 'failed', /reported done, but measured no release/],
  ];

  it.each(ends)('an agent that ends in %s makes the host %s', async (fate, state, error) => {
    const { activities, agent } = await start();
    agent(0).next(fate).start();

    const outcome = await perform(activities.orderHost, orderFor(agent(0).host));

    expect(outcome).toMatchObject({ host: agent(0).host, state, from: '1.0.0' });
    if (error === null) expect(outcome.error).toBeNull();
    else expect(outcome.error).toMatch(error);
  });

  it('a host that is done says the version that it measured, and when', async () => {
    const { activities, agent } = await start();
    agent(0).start();

    const outcome = await perform(activities.orderHost, orderFor(agent(0).host));

    expect(outcome).toMatchObject({ to: '2.0.0', step: null, error: null });
    expect(outcome.finishedAt).toBeGreaterThanOrEqual(outcome.startedAt ?? Infinity);
  });

  it('a revert that reaches the state before rolls the host back', async () => {
    const { activities, agent } = await start();
    agent(0).start();
    await perform(activities.orderHost, orderFor(agent(0).host));

    const revert = { ...orderFor(agent(0).host, { sequence: 2 }), action: 'revert' as const };
    expect(await perform(activities.orderHost, revert)).toMatchObject({ state: 'rolledBack', to: null });
  });

  it('an operator’s answer about edited files comes to the agent with the order, and with no other', async () => {
    const { activities, agent } = await start();
    agent(0).next('refuse').start();
    const asked = orderFor(agent(0).host);

    await perform(activities.orderHost, asked);
    await perform(activities.orderHost, { ...asked, sequence: 2, edited: 'keep' });
    await perform(activities.orderHost, { ...asked, sequence: 3 });

    expect(agent(0).begun.map(({ edited }) => edited)).toEqual(['keep', null]);
  });

  it('an agent that is busy is waited for', async () => {
    const { activities, agent, store } = await start();
    agent(0).next('busy').start();
    const ordered = perform(activities.orderHost, orderFor(agent(0).host));
    await eventually(() => store.json(keys.report(agent(0).host)) !== null);

    agent(0).free();

    expect(await ordered).toMatchObject({ state: 'done' });
  });

  it('heartbeats what the agent says', async () => {
    const { activities, agent } = await start();
    agent(0).next('stall').start();
    const beats: HostHeartbeat[] = [];
    const ordered = perform(activities.orderHost, orderFor(agent(0).host), { beats });

    await eventually(() => beats.at(-1)?.phase === 'installing' && beats.at(-1)?.alive === true);
    agent(0).finish();

    expect(await ordered).toMatchObject({ state: 'done' });
    expect(beats.at(-1)).toMatchObject({ host: agent(0).host, position: null });
  });

  it('ends with the cancellation, and leaves the order where it is', async () => {
    const { activities, agent, store } = await start();
    agent(0).next('stall').start();
    const env = newEnvironment();
    const ordered = perform(activities.orderHost, orderFor(agent(0).host), { env });
    await eventually(() => agent(0).begun.length === 1);

    env.cancel('CANCELLED');

    await expect(ordered).rejects.toThrow();
    expect(store.json(keys.order(agent(0).host))).toMatchObject({ sequence: 1 });
  });
});

describe('an order is given once', () => {
  it('two attempts at the same time make one effect and one answer', async () => {
    const { activities, another, agent } = await start();
    agent(0).start();
    const input = orderFor(agent(0).host);

    const outcomes = await Promise.all(
      [activities, another(), another()].map((each) => perform(each.orderHost, input)),
    );

    expect(agent(0).begun).toHaveLength(1);
    expect(outcomes.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
  });

  it('an attempt after the report is there returns at once, and writes nothing', async () => {
    const { activities, another, agent, bus } = await start();
    agent(0).start();
    await perform(activities.orderHost, orderFor(agent(0).host));
    const before = await bus.read(keys.order(agent(0).host));

    expect(await perform(another().orderHost, orderFor(agent(0).host))).toMatchObject({ state: 'done' });
    expect(await bus.read(keys.order(agent(0).host))).toEqual(before);
  });

  it.each(['applied', 'dropped'] as const)(
    'a write without an answer that was %s is settled by reading',
    async (effect) => {
      const { activities, agent, store } = await start();
      agent(0).start();
      store.loseNextAnswer(effect);

      expect(await perform(activities.orderHost, orderFor(agent(0).host))).toMatchObject({ state: 'done' });
      expect(agent(0).begun).toHaveLength(1);
    },
  );

  it('a suspended worker that wakes after its run was followed by another moves no host', async () => {
    const { activities, another, agent, store } = await start();
    agent(0).start();
    await perform(another().claimEpoch, { ...run, run: 'second', startedAt: 2 });

    await expect(perform(activities.orderHost, orderFor(agent(0).host))).rejects.toMatchObject({
      type: failureTypes.fenced,
      nonRetryable: true,
    });

    expect(agent(0).begun).toEqual([]);
    expect(store.json(keys.order(agent(0).host))).toBeNull();
  });

  it('a takeover between the read and the write is noticed by the write itself', async () => {
    const { activities, another, agent, store, bus } = await start();
    const taking = another();
    const write = bus.write.bind(bus);
    bus.write = async (change) => {
      bus.write = write;
      await perform(taking.claimEpoch, { ...run, run: 'second', startedAt: 2 });
      return write(change);
    };

    await expect(perform(activities.orderHost, orderFor(agent(0).host))).rejects.toMatchObject({
      type: failureTypes.fenced,
    });
    expect(store.json(keys.order(agent(0).host))).toBeNull();
  });

  it('an attempt whose order was followed by a later one ends, and does not write over it', async () => {
    const { activities, agent, store } = await start();
    agent(0).next('stall').start();
    const late = perform(activities.orderHost, orderFor(agent(0).host));
    await eventually(() => agent(0).begun.length === 1);

    const later = orderFor(agent(0).host, { sequence: 2 });
    expect(await perform(activities.orderHost, later)).toMatchObject({ state: 'done' });

    await expect(late).rejects.toMatchObject({ type: failureTypes.fenced });
    expect(store.json(keys.order(agent(0).host))).toMatchObject({ sequence: 2 });
  });
});

describe('a host that says nothing', () => {
  it('is lost when it was never alive', async () => {
    const { activities, hosts } = await start();

    const outcome = await perform(activities.orderHost, orderFor(at(hosts, 0)));

    expect(outcome).toMatchObject({ state: 'lost' });
    expect(outcome.error).toMatch(/host-1 showed no sign of life for \d+ s during install of sample 2.0.0/);
  });

  it('is silent since an attempt before this one heard of it, or nobody knows since when', async () => {
    const { activities, hosts } = await start();
    const beats: HostHeartbeat[] = [];
    const host = at(hosts, 0);
    for (const heartbeatDetails of [{ host, lastSeen: 17 }, { host: 'another', lastSeen: 17 }, undefined]) {
      await perform(activities.orderHost, orderFor(host), { beats, env: newEnvironment({ heartbeatDetails }) });
    }

    expect(new Set(beats.map(({ lastSeen }) => lastSeen))).toEqual(new Set([17, null]));
    expect(beats.at(-1)).toMatchObject({ alive: false, lastSeen: null });
  });

  it('is lost when its agent is killed at work', async () => {
    const { activities, agent } = await start();
    agent(0).next('stall').start();
    const ordered = perform(activities.orderHost, orderFor(agent(0).host));
    await eventually(() => agent(0).begun.length === 1);

    agent(0).kill();

    expect(await ordered).toMatchObject({ state: 'lost', error: expect.stringContaining('(installing)') as string });
  });

  it('is not lost while the bus itself is away, for however long', async () => {
    const { activities, agent, store } = await start();
    agent(0).next('stall').start();
    const beats: HostHeartbeat[] = [];
    const ordered = perform(activities.orderHost, orderFor(agent(0).host), { beats });
    await eventually(() => agent(0).begun.length === 1);

    store.down();
    const away = beats.length;
    await eventually(() => beats.length > away + (4 * SILENCE_MS) / 1_000, { withinMs: 20_000 });
    store.up();
    agent(0).finish();

    expect(await ordered).toMatchObject({ state: 'done' });
  });

  it('gets its order again after a wipe, under the same epoch', async () => {
    const { activities, agent, store, hosts } = await start();
    const ordered = perform(activities.orderHost, { ...orderFor(at(hosts, 0)), silenceMs: 30_000 });
    await eventually(() => store.json(keys.order(at(hosts, 0))) !== null);

    store.wipe();
    await eventually(() => store.json(keys.order(at(hosts, 0))) !== null, { withinMs: 15_000 });
    agent(0).start();

    expect(await ordered).toMatchObject({ state: 'done' });
    expect(store.json(keys.epoch)).toMatchObject({ epoch: 1 });
  });
});

describe('probing a host that was not touched', () => {
  it('answers with the evidence of the agent', async () => {
    const { activities, agent } = await start();
    agent(0).start();

    const { host, release, epoch } = orderFor(agent(0).host);
    const answer = await perform(activities.probeHost, { ...run, host, release, epoch, sequence: 1, step: null });

    expect(answer).toEqual({ ok: true, evidence: 'host-1: would work' });
    expect(agent(0).begun).toEqual([]);
  });

  it('says what a refusal says', async () => {
    const { activities, agent, store, bus } = await start();
    const { host, release, epoch } = orderFor(agent(0).host);
    const answered = perform(activities.probeHost, { ...run, host, release, epoch, sequence: 1, step: null });
    const order = await eventually(() => store.json(keys.order(host)) as Order | null);

    const report: Report = {
      ...{
        v: 1 as const,
        upgrade: order.upgrade,
        epoch,
        sequence: 1,
        action: 'probe' as const,
        phase: 'idle' as const,
        refused: 'no such step',
      },
      ...{ step: null, error: null, bootId: 'b', agent: 'a', installed: null, measured: {}, probe: null },
      ...{ startedAt: 1, finishedAt: 1, changedAt: 1 },
    };
    await bus.write({ conditions: [], puts: [{ key: keys.report(host), value: encodeBusValue(report) }] });

    expect(await answered).toEqual({ ok: false, evidence: 'host-1: no such step' });
  });
});

describe('ordering over a real etcd', () => {
  it('an etcd that is away for the whole of the install makes nobody lost', async () => {
    await using etcd = await startEtcd();
    const { endpoints } = etcd;
    harness = startHarness(1, () => createEtcdBus({ endpoints, tls: null }));
    const { activities, agent } = harness;
    await perform(activities.claimEpoch, { ...run, run: 'first', startedAt: 1 });
    agent(0).next('stall').start();
    const beats: HostHeartbeat[] = [];
    const ordered = perform(activities.orderHost, orderFor(agent(0).host), { beats });
    await eventually(() => beats.at(-1)?.phase === 'installing');

    await at(etcd.members, 0).kill();
    const away = beats.length;
    await eventually(() => beats.length > away + (3 * SILENCE_MS) / 1_000, { withinMs: 20_000 });
    await at(etcd.members, 0).start();
    await eventually(() => beats.at(-1)?.alive === true, { withinMs: 20_000 });
    agent(0).finish();

    expect(await ordered).toMatchObject({ state: 'done' });
  });
});
