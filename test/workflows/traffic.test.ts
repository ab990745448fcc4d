import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import type { FakeTraffic } from '../fakes/fake-traffic.ts';
import { parseHostId } from '../../model/ids.ts';
import { eventually } from '../eventually.ts';
import { waveProgress } from '../../workflows/messages.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

/** A restarted worker's activities wait for their heartbeat timeout; ms. */
const LONG_MS = 90_000;

const balanced = (hosts: number): { readonly fleet: FakeFleet; readonly traffic: FakeTraffic } => {
  const fleet = world.fleet(hosts);
  return { fleet, traffic: fleet.balance() };
};

/** What happened to one host, in order. */
const storyOf = (fleet: FakeFleet, host: string): readonly string[] =>
  fleet.log.filter((event) => event.includes(host) && !event.startsWith('download'));

test('members are drained before their host is ordered, and back before the next host begins', async () => {
  const { fleet } = balanced(3);

  const end = await (await world.start(fleet)).end();

  expect(end).toMatchObject({ state: 'succeeded', findings: [] });
  expect(fleet.log.filter((event) => !event.startsWith('download'))).toEqual(
    ['host-1', 'host-2', 'host-3'].flatMap((host) => [
      ...[`drain ${host}-web-1`, `begin install ${host}`, `end install ${host} done`, `ready ${host}-web-1`],
    ]),
  );
});

test('the way back takes members out of traffic as well', async () => {
  const { fleet } = balanced(2);
  fleet.host('host-2').hold();
  const upgrade = await world.start(fleet);
  await fleet.until(() => fleet.begun('install').length === 2);
  await upgrade.command('rollback');
  fleet.host('host-2').letGo();

  const end = await upgrade.end();

  expect(end.state).toBe('rolledBack');
  expect(storyOf(fleet, 'host-1').slice(4)).toEqual([
    ...['drain host-1-web-1', 'begin revert host-1', 'end revert host-1 rolledBack', 'ready host-1-web-1'],
  ]);
});

test('a server that somebody else has drained stays drained', async () => {
  const { fleet, traffic } = balanced(3);
  traffic.edge.add('web', 'host-2-web-1', { state: 'drain' });

  const end = await (await world.start(fleet)).end();

  expect(end.state).toBe('succeeded');
  expect(storyOf(fleet, 'host-2')).toEqual(['begin install host-2', 'end install host-2 done']);
  expect(await traffic.stateOf('host-2-web-1')).toBe('drain');
});

test('the last server that takes requests is not drained, and a warning says so', async () => {
  const { fleet, traffic } = balanced(2);
  traffic.edge.add('web', 'host-2-web-1', { state: 'drain' });

  const end = await (await world.start(fleet)).end();

  expect(storyOf(fleet, 'host-1')).toEqual(['begin install host-1', 'end install host-1 done']);
  expect(end).toMatchObject({
    state: 'succeeded',
    findings: [{ severity: 'warning', host: 'host-1', what: expect.stringContaining('no other server') as string }],
  });
});

test('an engine that does not answer costs requests, not the upgrade', async () => {
  const { fleet, traffic } = balanced(2);
  traffic.engines.get(parseHostId('host-1'))?.down();

  const end = await (await world.start(fleet)).end();

  expect(end).toMatchObject({ state: 'succeeded', findings: [{ host: 'host-1', severity: 'warning' }] });
  expect(storyOf(fleet, 'host-1')).toEqual(['begin install host-1', 'end install host-1 done']);
});

test('a host that was reverted is put back into traffic', async () => {
  const { fleet } = balanced(2);
  fleet.host('host-1').failNext({ state: 'reverted' });
  const upgrade = await world.start(fleet);
  await upgrade.until(({ state }) => state === 'waiting');

  expect(storyOf(fleet, 'host-1').at(-1)).toBe('ready host-1-web-1');

  await upgrade.command('abort');
  await upgrade.end();
});

test.each(['lost', 'stuck'] as const)(
  'a host that is %s is left drained, and named; once it is well again it is put back',
  async (state) => {
    const { fleet, traffic } = balanced(3);
    fleet.host('host-2').failNext({ state, error: 'no sign of life' });
    const upgrade = await world.start(fleet);

    const waiting = await upgrade.until((now) => now.state === 'waiting');
    const left = await traffic.stateOf('host-2-web-1');
    await upgrade.onHost('retryHost', 'host-2');
    const end = await upgrade.end();

    expect(waiting.hosts[1]).toMatchObject({ state, error: 'left drained: web/host-2-web-1 at edge; no sign of life' });
    expect(left).toBe('drain');
    expect(end.state).toBe('succeeded');
    expect(storyOf(fleet, 'host-2').at(-1)).toBe('ready host-2-web-1');
  },
);

test('an abort while a host is at work leaves its members in traffic', async () => {
  const { fleet } = balanced(3);
  fleet.host('host-1').hold();
  const upgrade = await world.start(fleet);
  await fleet.until(() => fleet.begun('install').length === 1);

  await upgrade.command('abort');
  fleet.host('host-1').letGo();
  const end = await upgrade.end();

  expect(end.state).toBe('aborted');
  expect(storyOf(fleet, 'host-1').at(-1)).toBe('ready host-1-web-1');
});

test('after a cancel in Temporal members are put back when their host has ended', async () => {
  const { fleet } = balanced(3);
  fleet.host('host-1').hold();
  const upgrade = await world.start(fleet);
  await fleet.until(() => fleet.begun('install').length === 1);
  const { waveWorkflowId } = await upgrade.progress();
  const wave = world.client.workflow.getHandle(waveWorkflowId ?? '');

  await upgrade.handle.cancel();
  await eventually(async () => {
    const { events } = await wave.fetchHistory();
    return events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes != null) ?? false;
  });
  const during = storyOf(fleet, 'host-1').at(-1);
  fleet.host('host-1').letGo();
  const end = await upgrade.end();

  expect(end.state).toBe('aborted');
  expect(during).toBe('begin install host-1');
  expect(storyOf(fleet, 'host-1').at(-1)).toBe('ready host-1-web-1');
  expect(fleet.begun('install')).toEqual(['host-1']);
});

test('the waits say that members finish their requests, and that they become healthy', async () => {
  const { fleet, traffic } = balanced(2);
  const server = { backend: 'web', server: 'host-1-web-1' };
  traffic.edge.change(server, { sessions: 1 });
  const upgrade = await world.start(fleet);
  await fleet.until(() => fleet.log.includes('drain host-1-web-1'));
  const waits = async (): Promise<string | undefined> => {
    const { waveWorkflowId } = await upgrade.progress();
    return (await world.client.workflow.getHandle(waveWorkflowId ?? '').query(waveProgress)).waiting[0]?.what;
  };

  const draining = await waits();
  traffic.edge.change(server, { health: 'down', sessions: 0 });
  await fleet.until(() => fleet.log.includes('ready host-1-web-1'));
  const admitting = await waits();
  traffic.edge.change(server, { health: 'up' });
  await upgrade.end();

  expect(draining).toBe("host-1's members to finish their requests");
  expect(admitting).toBe("host-1's members to be healthy at the load balancer");
});

test(
  'a worker that is lost while members are drained forgets none of them',
  async () => {
    const { fleet, traffic } = balanced(2);
    const server = { backend: 'web', server: 'host-1-web-1' };
    traffic.edge.change(server, { sessions: 1 });
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.log.includes('drain host-1-web-1'));

    await world.stopWorker();
    traffic.edge.change(server, { sessions: 0 });
    await world.startWorker();
    const end = await upgrade.end();

    expect(end.state).toBe('succeeded');
    expect(await traffic.stateOf('host-1-web-1')).toBe('ready');
    expect(fleet.host('host-1').orders).toBe(1);
  },
  LONG_MS,
);
