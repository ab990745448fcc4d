import { afterEach, expect, it } from 'vitest';
import type { AgentInput } from '../../activities/self-upgrade-activities.ts';
import type { Clock } from '../../model/ports.ts';
import { busKeys } from '../../model/bus.ts';
import { eventually } from '../eventually.ts';
import { says } from '../fakes/engine.ts';
import { releaseRef } from '../fakes/release.ts';
import { matching } from '../matching.ts';
import { at, fastClock, perform, run, startHarness, type Harness } from './harness.ts';

let harness: Harness | null = null;
afterEach(() => harness?.close());

/** Hosts whose agents are agent-1, while the release's is `agent`. */
async function start(agent: string, clock?: Clock, hosts = 1): Promise<Harness & { readonly input: AgentInput }> {
  const started = (harness = startHarness(hosts, undefined, clock));
  for (const one of started.agents) one.start();
  await eventually(async () => (await started.bus.list(busKeys(run.fleet).hosts)).length >= hosts);
  const limits = { byteLimit: 1024 ** 3, diskFloorBytes: 7, deadlineMs: 60_000 };
  return { ...started, input: { ...run, host: at(started.hosts, 0), release: releaseRef(), agent, ...limits } };
}

it('an agent that is the release’s already is left alone: no job is run', async () => {
  const { activities, input, engine } = await start('agent-1');

  expect(await perform(activities.upgradeAgent, input)).toEqual({ outcome: 'running', agent: 'agent-1' });
  expect(engine(0).jobs).toEqual([]);
});

it('the job brings the agent alone, and the new one has to show life', async () => {
  const { activities, input, engine } = await start('agent-2');
  engine(0).programs.set('agent', says(0, { event: 'done', agent: 'agent-1', outcome: 'replaced' }));

  expect(await perform(activities.upgradeAgent, input)).toEqual({ outcome: 'replaced', agent: 'agent-1' });
  expect(at(engine(0).jobs, 0)).toMatchObject({
    ...{ command: ['agent'], networkMode: 'none' },
    env: { REFIT_RELEASE_DIGEST: releaseRef().digest, REFIT_DISK_FLOOR_BYTES: '7' },
  });
});

it('an agent at work is not disturbed', async () => {
  const { activities, input, engine } = await start('agent-2');
  engine(0).programs.set('agent', says(0, { event: 'done', agent: 'agent-1', outcome: 'kept' }));

  expect(await perform(activities.upgradeAgent, input)).toEqual({ outcome: 'kept', agent: 'agent-1' });
});

it('a host that went back by itself says why', async () => {
  const { activities, input, engine } = await start('agent-2');
  engine(0).programs.set('agent', says(1, { event: 'failed', message: 'agent-2 crashed; agent-1 runs again' }));

  const result = await perform(activities.upgradeAgent, input);

  expect(result).toEqual({ outcome: 'reverted', message: matching(/agent-2 crashed; agent-1 runs again/) });
});

it('a new agent that never shows life, while the old one does, counts as gone back', async () => {
  const { activities, input, engine } = await start('agent-2', fastClock(20));
  engine(0).programs.set('agent', says(0, { event: 'done', agent: 'agent-2', outcome: 'replaced' }));

  const result = await perform(activities.upgradeAgent, input);

  expect(result).toEqual({
    outcome: 'reverted',
    message: matching(/agent-2 .* shows no life .*; agent agent-1 runs there/),
  });
});

it('a host on which no agent lives any more is a failure', async () => {
  const { activities, input, engine, agent, bus } = await start('agent-2', fastClock(20));
  engine(0).programs.set('agent', async (job) => {
    agent(0).kill();
    await eventually(async () => (await bus.list(busKeys(run.fleet).alive(input.host))).length === 0);
    return says(1, { event: 'failed', message: 'disk full' })(job);
  });

  expect(await perform(activities.upgradeAgent, input)).toEqual({ outcome: 'failed', message: matching(/disk full/) });
});

it('an engine that does not answer is a failure', async () => {
  const { activities, input, engine } = await start('agent-2');
  engine(0).down();

  expect(await perform(activities.upgradeAgent, input)).toEqual({
    ...{ outcome: 'failed', message: matching(/no Docker Engine answers/) },
  });
});

it('agents that are others are found page by page, each host once', async () => {
  const { activities } = await start('agent-2', undefined, 70);
  const page = { ...run, agent: 'agent-2' };

  const first = await perform(activities.loadAgents, { ...page, offset: 0 });
  const second = await perform(activities.loadAgents, { ...page, offset: first.next ?? -1 });
  const none = await perform(activities.loadAgents, { ...page, agent: 'agent-1', offset: 0 });

  expect(first).toMatchObject({ next: 64, agents: { length: 64 } });
  expect(second).toMatchObject({ next: null, agents: { length: 6 } });
  expect(first.agents[0]).toEqual({ host: 'host-1', from: 'agent-1', to: 'agent-2' });
  expect(none).toEqual({ agents: [], next: null });
});
