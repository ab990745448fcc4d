import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { shareTemporal } from '../../client/shared-temporal.ts';
import { upgradesOf } from '../../client/upgrades.ts';
import type { Fleet } from '../../model/fleet.ts';
import { parseHostId, type FleetId, type HostId } from '../../model/ids.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import { fleetWorkflowId } from '../../workflows/messages.ts';
import { eventually } from '../eventually.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { NEW_BUILD, OLD_BUILD } from '../fakes/fake-upgrader.ts';
import { matching } from '../matching.ts';
import { eventCount, type Upgrade } from './upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

/** Longest that a test follows an upgrade; ms. */
const WITHIN_MS = 40_000;

const host = (index: number): HostId => parseHostId(`host-${index}`);
const about = ({ log }: FakeFleet, word: string): readonly string[] => log.filter((event) => event.includes(word));
const isInstall = (event: string): boolean => event.startsWith('download') || event.startsWith('begin install');

/** The first run; the handle's own follows the upgrade. */
const firstRun = ({ handle }: Upgrade) =>
  world.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId);

test('a release with a new upgrader replays, starts beside, switches, and goes on as a new run before any host is touched', async () => {
  const fleet = world.fleet(2);
  fleet.itself.carry(2);

  const upgrade = await world.start(fleet);
  const end = await upgrade.end();

  expect(end).toMatchObject({ state: 'succeeded', error: null, findings: [] });
  expect(fleet.log.slice(0, fleet.log.findIndex(isInstall))).toEqual([
    ...['replay', 'start worker host-1', 'start worker host-2', 'switch'],
    ...['replace api host-1', 'replace api host-2', 'retire'],
  ]);
  expect(about(fleet, 'retire')).toHaveLength(2);
  expect(fleet.itself.current).toBe(NEW_BUILD);
  expect([...fleet.itself.workers.values()]).toEqual([new Set([NEW_BUILD]), new Set([NEW_BUILD])]);
  expect(fleet.versions()).toEqual(['2.0.0', '2.0.0']);
});

test('both runs are one upgrade: its start, its decisions, its memo and what it is found by go along', async () => {
  const fleet = world.fleet(1);
  fleet.itself.carry(1);

  const upgrade = await world.start(fleet);
  const end = await upgrade.end();
  const [first, last] = await Promise.all([
    firstRun(upgrade).describe(),
    world.client.workflow.getHandle(fleetWorkflowId(fleet.name)).describe(),
  ]);

  expect(fleet.epochs).toHaveLength(2);
  expect([first.status.name, last.status.name]).toEqual(['CONTINUED_AS_NEW', 'COMPLETED']);
  expect(last.typedSearchAttributes.get(searchAttributes.upgrade)).toBe(upgrade.id);
  expect(last.typedSearchAttributes.get(searchAttributes.fleet)).toBe(fleet.name);
  expect(end.startedAt).toBeLessThan(last.startTime.getTime());
  expect(end.decisions.map(({ decision }) => decision)).toEqual([
    `go on to build ${NEW_BUILD}`,
    `build ${NEW_BUILD} is current`,
  ]);
});

test('a run that the successor can not go on with stops the upgrade, which names run and event', async () => {
  const fleet = world.fleet(2);
  fleet.itself.carry(2);
  const fault = { workflowId: 'unit/f/shop', runId: 'run-7', event: 42, message: 'no such activity' };
  fleet.itself.replays.push({ outcome: 'blocked', faults: [fault], more: 3 });

  const end = await (await world.start(fleet)).end();

  expect(end).toMatchObject({ state: 'failed', phase: 'self-upgrade' });
  expect(end.error).toMatch(/^blocked: run run-7 of workflow unit\/f\/shop, event 42: no such activity; and 3 more; /);
  expect(fleet.log).toEqual(['replay']);
  expect(fleet.itself.current).toBe(OLD_BUILD);
});

test('a replay that could not be asked is put to the operator, and never passed over', async () => {
  const fleet = world.fleet(1);
  fleet.itself.carry(1);
  fleet.itself.replays.push({ outcome: 'failed', message: 'host host-1: the registry is away' });
  const upgrade = await world.start(fleet);
  const asked = await upgrade.until(({ state }) => state === 'waiting');
  const before = [...fleet.log];

  await upgrade.command('resume');
  const end = await upgrade.end();

  expect(asked).toMatchObject({ phase: 'self-upgrade', error: matching(/could not replay .* the registry is away/) });
  expect(before).toEqual(['replay']);
  expect(about(fleet, 'replay')).toHaveLength(2);
  expect(end.state).toBe('succeeded');
});

test('a successor that does not come up goes again from every host, and all stays as before', async () => {
  const fleet = world.fleet(3);
  fleet.itself.carry(2).sick.add(host(2));

  const end = await (await world.start(fleet)).end();

  expect(end).toMatchObject({
    state: 'failed',
    phase: 'self-upgrade',
    error: matching(/did not come up: host host-2/),
  });
  expect(fleet.log).toEqual([
    ...['replay', 'start worker host-1', 'start worker host-2'],
    ...['drop worker host-2', 'drop worker host-1'],
  ]);
  expect(fleet.itself.current).toBe(OLD_BUILD);
  expect([...fleet.itself.workers.values()]).toEqual([new Set([OLD_BUILD]), new Set([OLD_BUILD])]);
  expect(fleet.versions()).toEqual(['1.0.0', '1.0.0', '1.0.0']);
});

test.each(['abort', 'rollback'] as const)('%s before the switch takes the successors away again', async (command) => {
  const fleet = world.fleet(2);
  fleet.itself.carry(2);
  const upgrade = await pausedIn(fleet, 'startSuccessor');
  await upgrade.until(({ state }) => state === 'paused');

  await upgrade.command(command);
  const end = await upgrade.end();

  expect(end.state).toBe(command === 'abort' ? 'aborted' : 'rolledBack');
  expect(fleet.log).toEqual(['replay', 'start worker host-1', 'drop worker host-1']);
  expect(fleet.itself.current).toBe(OLD_BUILD);
});

test('a pause that comes with the switch holds in the new run, and resume goes on there', async () => {
  const fleet = world.fleet(2);
  fleet.itself.carry(1);
  const upgrade = await pausedIn(fleet, 'switchWorkers');
  const paused = await upgrade.until(({ state }) => state === 'paused');
  const before = [...fleet.log];

  await upgrade.command('resume', { by: 'ada' });
  const end = await upgrade.end();

  expect(paused.decisions.map(({ decision }) => decision)).toContain('pause');
  expect(before).toEqual(['replay', 'start worker host-1', 'switch']);
  expect(fleet.epochs).toHaveLength(2);
  expect(end).toMatchObject({ state: 'succeeded' });
  expect(end.decisions.map(({ decision }) => decision)).toEqual([
    ...[`go on to build ${NEW_BUILD}`, 'pause', `build ${NEW_BUILD} is current`, 'resume'],
  ]);
});

/** The command is given while the activity is at work for the first time. */
async function pausedIn(fleet: FakeFleet, activity: string): Promise<Upgrade> {
  let isThere = false;
  let goOn = (): void => undefined;
  const given = new Promise<void>((resolve) => (goOn = resolve));
  fleet.onActivity = async (name, when) => {
    if (name !== activity || when !== 'after' || isThere) return;
    isThere = true;
    await given;
  };
  const upgrade = await world.start(fleet);
  await eventually(() => isThere);
  await upgrade.command('pause');
  goOn();
  return upgrade;
}

test('the api that does not get well is put to the operator, and nothing goes back', async () => {
  const fleet = world.fleet(1);
  fleet.itself.carry(1).sickApis.add(host(1));
  const upgrade = await world.start(fleet);
  const asked = await upgrade.until(({ state }) => state === 'waiting');

  await upgrade.command('resume');
  const end = await upgrade.end();

  expect(asked.error).toBe('the api stays as it was: host host-1: it is not well');
  expect(fleet.itself.current).toBe(NEW_BUILD);
  expect(end.state).toBe('succeeded');
});

test('workers that open runs are pinned to stay, and the upgrade says so', async () => {
  const fleet = world.fleet(1);
  fleet.itself.carry(1).openRuns.set(OLD_BUILD, 2);

  const end = await (await world.start(fleet)).end();

  expect(end.state).toBe('succeeded');
  expect(end.findings).toMatchObject([
    { severity: 'warning', what: `workers of build ${OLD_BUILD} stay: 2 open runs are pinned to it` },
  ]);
  expect(fleet.itself.workers.get(host(1))).toEqual(new Set([OLD_BUILD, NEW_BUILD]));
});

test('workers that were kept for a run are ended at the end, once it is over', async () => {
  const fleet = world.fleet(1);
  fleet.itself.carry(1).openRuns.set(OLD_BUILD, 1);
  fleet.onActivity = (name) => {
    if (name === 'verifyFleet') fleet.itself.openRuns.clear();
  };

  const end = await (await world.start(fleet)).end();

  expect(end).toMatchObject({ state: 'succeeded', findings: [] });
  expect(fleet.itself.workers.get(host(1))).toEqual(new Set([NEW_BUILD]));
});

test('agents wait for the gatekeeper, then go at most so many at a time', async () => {
  const fleet = world.fleet(6);
  for (const name of fleet.hosts.keys()) fleet.itself.bringAgent().held.add(name);
  const upgrade = await world.start(fleet, { maxParallelDownloads: 2 });
  await fleet.until(() => about(fleet, 'begin agent').length === 1);
  const during = await upgrade.until(({ phase }) => phase === 'self-upgrade');
  const begun = about(fleet, 'begin agent');

  fleet.itself.held.delete(host(1));
  fleet.changed('let go of one');
  await fleet.until(() => about(fleet, 'begin agent').length === 3);
  fleet.itself.letGo();
  const end = await upgrade.end();

  expect(during.state).toBe('running');
  expect(begun).toEqual(['begin agent host-1']);
  expect(fleet.itself.mostAgents).toBe(2);
  expect([...fleet.itself.agents.values()]).toEqual(Array.from({ length: 6 }, () => 'agent-2'));
  expect(fleet.log.findIndex(isInstall)).toBeGreaterThan(fleet.log.lastIndexOf('end agent host-6 replaced'));
  expect(end.state).toBe('succeeded');
});

test.each(['reverted', 'failed'] as const)(
  'an agent that %s stops the upgrade, and no further one is touched',
  async (outcome) => {
    const fleet = world.fleet(4);
    fleet.itself.bringAgent().agentEnds.set(host(1), { outcome, message: 'agent-2 did not come up' });

    const end = await (await world.start(fleet)).end();

    expect(end).toMatchObject({
      state: 'failed',
      phase: 'self-upgrade',
      error: matching(/^host-1 .*agent-2 did not come up/),
    });
    expect(fleet.log).toEqual(['begin agent host-1', `end agent host-1 ${outcome}`]);
    expect(fleet.versions()).toEqual(['1.0.0', '1.0.0', '1.0.0', '1.0.0']);
  },
);

test('a host that is at work keeps its agent and proves nothing: the next one is the gatekeeper', async () => {
  const fleet = world.fleet(3);
  fleet.itself.bringAgent().agentEnds.set(host(1), { outcome: 'kept', agent: 'agent-1' });
  fleet.itself.held.add(host(2));
  const upgrade = await world.start(fleet);
  await fleet.until(() => about(fleet, 'begin agent host-2').length === 1);
  const begun = about(fleet, 'begin agent');

  fleet.itself.letGo();
  const end = await upgrade.end();

  expect(begun).toEqual(['begin agent host-1', 'begin agent host-2']);
  expect([...fleet.itself.agents.values()]).toEqual(['agent-1', 'agent-2', 'agent-2']);
  expect(end.state).toBe('succeeded');
});

test('a pause among agents lets the one at work finish; resume goes on with the others, each once', async () => {
  const fleet = world.fleet(3);
  fleet.itself.bringAgent().held.add(host(1));
  const upgrade = await world.start(fleet);
  await fleet.until(() => about(fleet, 'begin agent').length === 1);
  await upgrade.command('pause');
  fleet.itself.letGo();
  await upgrade.until(({ state }) => state === 'paused');
  const begun = about(fleet, 'begin agent');

  await upgrade.command('resume');
  const end = await upgrade.end();

  expect(begun).toEqual(['begin agent host-1']);
  expect(about(fleet, 'begin agent')).toHaveLength(3);
  expect(end.state).toBe('succeeded');
});

test('a fleet that has all of it goes through no such phase', async () => {
  const fleet = world.fleet(1);
  const plain = world.fleet(1);
  fleet.itself.bringAgent().agents.set(host(1), 'agent-2');
  const [upgrade, other] = [await world.start(fleet), await world.start(plain)];
  await Promise.all([upgrade.end(), other.end()]);

  expect(await eventCount(upgrade)).toBe(await eventCount(other));
});

test('a switch that somebody takes back is told, and not fought over', async () => {
  const fleet = world.fleet(1);
  fleet.itself.carry(1);
  fleet.onActivity = (name, when) => {
    if (name === 'claimEpoch' && when === 'after' && fleet.epochs.length === 2) fleet.itself.current = OLD_BUILD;
  };

  const end = await (await world.start(fleet)).end();

  expect(end).toMatchObject({
    state: 'failed',
    phase: 'self-upgrade',
    error: matching(/is current again; find out who/),
  });
  expect(about(fleet, 'switch')).toHaveLength(1);
});

/** What a client has to know of a fleet to speak to its Temporal. */
const atTemporal = (fleet: FleetId): Fleet => ({
  ...{ fleet, hosts: [], registries: {}, loadBalancers: [], services: [], units: [] },
  etcd: { endpoints: [], hostEndpoints: [], tls: null, hostTls: null },
  temporal: { address: inject('temporalAddress'), namespace: 'default', ui: null, tls: null, apiKeyFile: null },
});

test('clients see one upgrade: watched without a gap, listed once, and spoken to in the moment of the switch', async () => {
  const fleet = world.fleet(2);
  fleet.itself.carry(1).bringAgent();
  for (const name of fleet.hosts.keys()) fleet.itself.held.add(name);
  const upgrade = await world.start(fleet);
  const temporal = shareTemporal(atTemporal(fleet.name));
  const upgrades = upgradesOf(fleet.name, temporal);
  const troubles: string[] = [];
  const seen = new Set<string>();
  const watching = upgrades.watch(
    upgrade.id,
    {
      onProgress: ({ phase, release }) => {
        seen.add(`${phase} of ${release}`);
        return 'go on';
      },
      onTrouble: (message) => void troubles.push(message),
    },
    AbortSignal.timeout(WITHIN_MS),
  );

  await fleet.until(() => fleet.log.includes('switch'));
  const paused = await upgrades.command(upgrade.id, { name: 'pause', by: 'ada' });
  const resumed = await upgrades.command(upgrade.id, { name: 'resume', by: 'ada' });
  // Where it is held, however late the watch comes to look.
  await eventually(() => seen.has('self-upgrade of sample 2.0.0'));
  fleet.itself.letGo();
  const end = await watching;
  const listed = await upgrades.list();
  await temporal.close();

  expect(troubles).toEqual([]);
  expect([paused.outcome, resumed.outcome]).toEqual(['accepted', 'accepted']);
  expect(end).toMatchObject({ id: upgrade.id, state: 'succeeded' });
  expect([...seen]).toContain('self-upgrade of sample 2.0.0');
  expect(listed.map(({ id, state }) => [id, state])).toEqual([[upgrade.id, 'succeeded']]);
});
