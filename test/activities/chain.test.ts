import { afterEach, describe, expect, it } from 'vitest';
import type { ChainEnd, ChainInput } from '../../activities/activities.ts';
import { createEtcdBus } from '../../drivers/etcd/bus.ts';
import { busKeys } from '../../model/bus.ts';
import { failureTypes } from '../../model/failures.ts';
import { defaultPolicy } from '../../model/policy.ts';
import type { HostHeartbeat } from '../../model/upgrade.ts';
import { eventually } from '../eventually.ts';
import { fleetId } from '../fakes/fleet.ts';
import { releaseRef } from '../fakes/release.ts';
import { startEtcd } from '../parts/etcd.ts';
import { at, perform, run, SILENCE_MS, startHarness, upgradeId, type Harness } from './harness.ts';

const keys = busKeys(fleetId);
let harness: Harness | null = null;

afterEach(() => harness?.close());

type Chain = Harness & { readonly input: ChainInput };

/** A fleet whose preflight made a chain of all hosts; agents do not live yet unless `start` says so. */
async function startChain(started = startHarness(4)): Promise<Chain> {
  harness = started;
  const { activities, agents } = started;
  for (const agent of agents) agent.start();
  await perform(activities.claimEpoch, { ...run, run: 'first', startedAt: 1 });
  const policy = { ...defaultPolicy, install: { strategy: 'daisy-chain' as const } };
  const reference = 'registry.lab:5000/sample:2.0.0';
  await eventually(async () => (await started.bus.list(keys.hosts)).length >= agents.length);
  const asked = { ...run, policy, reference, digest: releaseRef().digest, tree: null };
  const { planDigest } = at((await perform(activities.preflight, asked)).hops, 0);
  const order = { release: releaseRef(), epoch: 1, sequence: 1, deadlineMs: 60_000, silenceMs: SILENCE_MS };
  return { ...started, input: { ...run, ...order, planDigest, wave: 'chain', skipped: [], offset: 0 } };
}

const follow = async ({ activities, input }: Chain, beats: HostHeartbeat[] = []): Promise<ChainEnd> =>
  perform(activities.followChain, input, { beats });

const begunOrder = ({ agents }: Chain): readonly string[] =>
  agents.filter(({ begun }) => begun.length > 0).map(({ host }) => host);

describe('a daisy chain', () => {
  it('goes through without anybody at the wheel, and is through when looked at afterwards', async () => {
    const chain = await startChain();

    await perform(chain.activities.startChain, chain.input);
    await eventually(() => chain.agents.every(({ phase }) => phase === 'done'));

    expect(await follow(chain)).toEqual({ end: 'through', position: 4 });
    const outcomes = await perform(chain.activities.readOutcomes, { ...chain.input, limit: 100 });
    expect(outcomes.map(({ host, state, to }) => [host, state, to])).toEqual(
      chain.hosts.map((host) => [host, 'done', '2.0.0']),
    );
  });

  it('goes through over a real etcd while it is followed', async () => {
    await using etcd = await startEtcd();
    const { endpoints } = etcd;
    const chain = await startChain(startHarness(4, () => createEtcdBus({ endpoints, tls: null })));

    await perform(chain.activities.startChain, chain.input);

    expect(await follow(chain)).toEqual({ end: 'through', position: 4 });
    harness?.close();
  });

  it('started twice at the same time, and once more afterwards, moves each host once', async () => {
    const chain = await startChain();

    await Promise.all([chain.activities, chain.another()].map((each) => perform(each.startChain, chain.input)));
    await eventually(() => chain.agents.every(({ phase }) => phase === 'done'));
    await perform(chain.another().startChain, chain.input);

    expect(chain.agents.map(({ begun }) => begun.length)).toEqual([1, 1, 1, 1]);
    expect(chain.store.json(keys.baton(upgradeId))).toMatchObject({ position: 4, holder: null });
  });

  it('stops at a host that fails: nobody after it starts', async () => {
    const chain = await startChain();
    chain.agent(1).next('fail');
    await perform(chain.activities.startChain, chain.input);

    expect(await follow(chain)).toMatchObject({ end: 'stopped', position: 1, outcome: { state: 'reverted' } });
    expect(begunOrder(chain)).toEqual(['host-1', 'host-2']);
  });

  it('goes on behind the host that failed, when it is started from there', async () => {
    const chain = await startChain();
    chain.agent(1).next('fail');
    await perform(chain.activities.startChain, chain.input);
    await follow(chain);

    const rest = { ...chain, input: { ...chain.input, offset: 2, sequence: 2 } };
    await perform(rest.activities.startChain, rest.input);

    expect(await follow(rest)).toEqual({ end: 'through', position: 4 });
    expect(chain.agents.map(({ begun }) => begun.length)).toEqual([1, 1, 1, 1]);
  });

  it('leaves out who was skipped, and counts places without it', async () => {
    const chain = await startChain();
    const skipping = { ...chain, input: { ...chain.input, skipped: [at(chain.hosts, 1)] } };
    chain.agent(2).next('fail');
    await perform(chain.activities.startChain, skipping.input);

    expect(await follow(skipping)).toMatchObject({ end: 'stopped', position: 1, outcome: { host: 'host-3' } });
    expect(begunOrder(chain)).toEqual(['host-1', 'host-3']);
    const outcomes = await perform(chain.activities.readOutcomes, { ...skipping.input, limit: 100 });
    expect(outcomes.map(({ host, state }) => [host, state])).toEqual([
      ['host-1', 'done'],
      ['host-3', 'reverted'],
    ]);
  });

  it('tries the same host again, when it is started from it', async () => {
    const chain = await startChain();
    chain.agent(1).next('fail');
    await perform(chain.activities.startChain, chain.input);
    await follow(chain);

    const again = { ...chain, input: { ...chain.input, offset: 1, sequence: 2 } };
    await perform(again.activities.startChain, again.input);

    expect(await follow(again)).toEqual({ end: 'through', position: 4 });
    expect(chain.agents.map(({ begun }) => begun.length)).toEqual([1, 2, 1, 1]);
  });

  it('carries what an operator said of edited files to that host alone', async () => {
    const chain = await startChain();
    const edited = [{ host: at(chain.hosts, 2), answer: 'keep' as const }];

    await perform(chain.activities.startChain, { ...chain.input, edited });

    const orders = chain.hosts.map((host) => chain.store.json(keys.order(host)));
    expect(orders).toMatchObject([{ edited: null }, { edited: null }, { edited: 'keep' }, { edited: null }]);
  });

  it('stops at a holder that is lost', async () => {
    const chain = await startChain();
    chain.agent(2).kill();
    await perform(chain.activities.startChain, chain.input);

    expect(await follow(chain)).toMatchObject({ end: 'stopped', position: 2, outcome: { state: 'lost' } });
    expect(begunOrder(chain)).toEqual(['host-1', 'host-2']);
  });

  it('is handed on by the worker, when a host that is done does not', async () => {
    const chain = await startChain();
    chain.agent(1).keepBaton();
    await perform(chain.activities.startChain, chain.input);

    expect(await follow(chain)).toEqual({ end: 'through', position: 4 });
    expect(chain.agents.map(({ begun }) => begun.length)).toEqual([1, 1, 1, 1]);
  });

  it('is held before the next host begins, and goes on when the hold is lifted', async () => {
    const chain = await startChain();
    chain.agent(1).next('stall');
    await perform(chain.activities.startChain, chain.input);
    const end = follow(chain);
    await eventually(() => chain.agent(1).begun.length === 1);

    await perform(chain.activities.setHold, { ...run, epoch: 1, hold: true, reason: 'lunch' });
    chain.agent(1).finish();

    expect(await end).toEqual({ end: 'held', position: 2 });
    expect(begunOrder(chain)).toEqual(['host-1', 'host-2']);

    await perform(chain.activities.setHold, { ...run, epoch: 1, hold: false, reason: '' });
    expect(await follow(chain)).toEqual({ end: 'through', position: 4 });
  });

  it('says in its beats who has the baton, and what that host is at', async () => {
    const chain = await startChain();
    chain.agent(2).next('stall');
    const beats: HostHeartbeat[] = [];
    await perform(chain.activities.startChain, chain.input);
    const end = follow(chain, beats);

    await eventually(() => beats.at(-1)?.host === chain.agent(2).host && beats.at(-1)?.phase === 'installing');
    expect(beats.at(-1)).toMatchObject({ position: 2, alive: true });

    chain.agent(2).finish();
    expect(await end).toMatchObject({ end: 'through' });
  });

  it('finds its place again after a wipe in the middle, and touches nobody twice', async () => {
    const chain = await startChain();
    chain.agent(2).next('stall');
    await perform(chain.activities.startChain, chain.input);
    const end = follow({ ...chain, input: { ...chain.input, silenceMs: 20_000 } });
    await eventually(() => chain.agent(2).begun.length === 1);
    const reports = await Promise.all(chain.hosts.map(async (host) => chain.bus.read(keys.report(host))));

    chain.store.wipe();
    // Agents send their reports again when the bus lacks them.
    for (const [index, report] of reports.entries()) {
      const key = keys.report(at(chain.hosts, index));
      if (report !== null) await chain.bus.write({ conditions: [], puts: [{ key, value: report.value }] });
    }
    await eventually(() => chain.store.json(keys.baton(upgradeId)) !== null, { withinMs: 20_000 });
    expect(chain.store.json(keys.baton(upgradeId))).toMatchObject({ position: 2, holder: 'host-3' });
    chain.agent(2).finish();

    expect(await end).toEqual({ end: 'through', position: 4 });
    expect(chain.agents.map(({ begun }) => begun.length)).toEqual([1, 1, 1, 1]);
  });

  it('is given up when another run has taken it over', async () => {
    const chain = await startChain();
    chain.agent(1).next('stall');
    await perform(chain.activities.startChain, chain.input);
    const end = follow(chain);
    await eventually(() => chain.agent(1).begun.length === 1);

    const { epoch } = await perform(chain.another().claimEpoch, { ...run, run: 'second', startedAt: 2 });
    await perform(chain.another().startChain, { ...chain.input, epoch });

    await expect(end).rejects.toMatchObject({ type: failureTypes.fenced });
    await expect(perform(chain.activities.startChain, chain.input)).rejects.toMatchObject({
      type: failureTypes.fenced,
    });
  });

  it('stands down: who waits for the baton gives up its order, who is at work finishes', async () => {
    const chain = await startChain();
    chain.agent(1).next('stall');
    await perform(chain.activities.startChain, chain.input);
    await eventually(() => chain.agent(1).begun.length === 1);

    await perform(chain.activities.standDown, { ...chain.input, sequence: 2, reason: 'abort' });
    chain.agent(1).finish();
    await eventually(() => chain.agents.slice(2).every(({ phase }) => phase === 'reverted'));
    await eventually(() => chain.agent(1).phase === 'done');

    expect(begunOrder(chain)).toEqual(['host-1', 'host-2']);
    expect(chain.store.json(keys.order(chain.agent(1).host))).toMatchObject({ action: 'install', sequence: 1 });
  });
});
