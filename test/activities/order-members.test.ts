import { afterEach, describe, expect, it } from 'vitest';
import type { OrderMembersInput } from '../../activities/member-activities.ts';
import { busKeys } from '../../model/bus.ts';
import { failureTypes } from '../../model/failures.ts';
import { parseServiceId } from '../../model/ids.ts';
import type { Fate } from '../fakes/agent.ts';
import { fleetId } from '../fakes/fleet.ts';
import { releaseRef } from '../fakes/release.ts';
import { perform, run, SILENCE_MS, startHarness, type Harness } from './harness.ts';

const keys = busKeys(fleetId);
let harness: Harness | null = null;
afterEach(() => harness?.close());

/** One host, whose agent is not started yet, and a run that holds epoch 1. */
async function start(): Promise<Harness & { readonly input: OrderMembersInput }> {
  const started = (harness = startHarness(1));
  await perform(started.activities.claimEpoch, { ...run, run: 'first', startedAt: 1 });
  const input: OrderMembersInput = {
    ...{ ...run, service: parseServiceId('web'), host: started.agent(0).host, containers: ['web-1', 'web-2'] },
    ...{ release: releaseRef(), action: 'service', epoch: 1, sequence: 4_096 },
    ...{ deadlineMs: 60_000, silenceMs: SILENCE_MS },
  };
  return { ...started, input };
}

describe('ordering an agent to upgrade members', () => {
  it('names the service and the containers, and is done when the agent says so', async () => {
    const { activities, agent, input, store } = await start();
    agent(0).start();

    expect(await perform(activities.orderMembers, input)).toMatchObject({ state: 'done', error: null });

    expect(store.json(keys.order(input.host))).toMatchObject({
      ...{ action: 'service', start: 'now', epoch: 1, sequence: 4_096, step: null },
      service: { name: 'web', containers: ['web-1', 'web-2'] },
    });
    expect(agent(0).installed).toBeNull();
  });

  it('two attempts at the same time are one order', async () => {
    const { activities, another, agent, input } = await start();
    agent(0).start();

    const outcomes = await Promise.all([activities, another()].map((each) => perform(each.orderMembers, input)));

    expect(outcomes.map(({ state }) => state)).toEqual(['done', 'done']);
    expect(agent(0).begun).toHaveLength(1);
  });

  const ends: readonly [fate: Fate, state: string][] = [
    ['fail', 'reverted'],
    ['unhealthy', 'unhealthy'],
    ['stuck', 'stuck'],
    ['refuse', 'failed'],
  ];
  it.each(ends)('an agent that ends in %s makes it %s', async (fate, state) => {
    const { activities, agent, input } = await start();
    agent(0).next(fate).start();

    expect(await perform(activities.orderMembers, input)).toMatchObject({ state });
  });

  it('a revert names the same containers and takes them back', async () => {
    const { activities, agent, input, store } = await start();
    agent(0).start();
    await perform(activities.orderMembers, input);

    const back = { ...input, action: 'revert' as const, sequence: 4_097 };

    expect(await perform(activities.orderMembers, back)).toMatchObject({ state: 'rolledBack' });
    expect(store.json(keys.order(input.host))).toMatchObject({ action: 'revert', service: { name: 'web' } });
  });

  it('a host without an agent is lost, by name', async () => {
    const { activities, input } = await start();

    expect(await perform(activities.orderMembers, input)).toMatchObject({
      state: 'lost',
      error: expect.stringMatching(/host-1 showed no sign of life .* during service upgrade of sample 2.0.0/) as string,
    });
  });

  it('a run that was followed by another orders nobody', async () => {
    const { activities, another, input, store } = await start();
    await perform(another().claimEpoch, { ...run, run: 'second', startedAt: 2 });

    await expect(perform(activities.orderMembers, input)).rejects.toMatchObject({ type: failureTypes.fenced });
    expect(store.json(keys.order(input.host))).toBeNull();
  });
});
