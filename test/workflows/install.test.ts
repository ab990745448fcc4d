import { WorkflowExecutionAlreadyStartedError, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, assert, beforeAll, expect, inject, test } from 'vitest';
import { failureTypes } from '../../model/failures.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import { statesOf } from './upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

test('serial goes through the fleet in the order of the fleet file, one host at a time', async () => {
  const fleet = world.fleet(4);

  const end = await (await world.start(fleet)).end();

  expect(end).toMatchObject({ state: 'succeeded', phase: 'end', error: null, release: 'sample 2.0.0' });
  expect(fleet.begun('install')).toEqual(['host-1', 'host-2', 'host-3', 'host-4']);
  expect(fleet.mostAtWork).toBe(1);
  expect(end.hosts.map(({ state, from, to }) => ({ state, from, to }))).toEqual(
    Array.from({ length: 4 }, () => ({ state: 'done', from: '1.0.0', to: '2.0.0' })),
  );
});

test('state and phase can be searched for, and the Web UI shows the hosts', async () => {
  const fleet = world.fleet(2);
  fleet.host('host-1').hold();
  const upgrade = await world.start(fleet);
  await fleet.until(() => fleet.begun('install').length === 1);
  const during = (await upgrade.handle.describe()).typedSearchAttributes;
  fleet.host('host-1').letGo();
  await upgrade.end();

  const after = (await upgrade.handle.describe()).typedSearchAttributes;
  const page = await upgrade.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');

  expect([during.get(searchAttributes.state), during.get(searchAttributes.phase)]).toEqual(['running', 'install']);
  expect([after.get(searchAttributes.state), after.get(searchAttributes.phase)]).toEqual(['succeeded', 'end']);
  expect(page.currentDetails).toContain(`### sample 2.0.0 on fleet ${fleet.name}: succeeded`);
  expect(page.currentDetails).toContain('| host-2 | done | 1.0.0 | 2.0.0 |');
});

test('every host has the release before the first one is changed', async () => {
  const fleet = world.fleet(3);

  await (await world.start(fleet)).end();

  const firstInstall = fleet.log.findIndex((event) => event.startsWith('begin install'));
  const downloads = fleet.log.filter((event) => event.startsWith('download'));
  expect(downloads).toHaveLength(3);
  expect(fleet.log.slice(0, firstInstall)).toEqual(expect.arrayContaining(downloads));
});

test('the gatekeeper goes alone, then each wave as many hosts at once as it may', async () => {
  const fleet = world.fleet(8);
  for (const name of ['host-1', 'host-2', 'host-3', 'host-4', 'host-5', 'host-6']) fleet.host(name).hold();
  const sizes = [{ hosts: 3 }, { percent: 25 }, { hosts: 8 }];

  const upgrade = await world.start(fleet, { install: { strategy: 'waves', sizes, maxUnavailable: null } });
  await fleet.until(() => fleet.begun('install').length === 1);
  fleet.host('host-1').letGo();
  await fleet.until(() => fleet.begun('install').length === 3);
  const firstWave = fleet.begun('install').slice(1);
  fleet.host('host-2').letGo();
  fleet.host('host-3').letGo();
  await fleet.until(() => fleet.begun('install').length === 5);
  const secondWave = fleet.begun('install').slice(3);
  for (const name of ['host-4', 'host-5', 'host-6']) fleet.host(name).letGo();
  const end = await upgrade.end();

  expect(new Set(firstWave)).toEqual(new Set(['host-2', 'host-3']));
  expect(new Set(secondWave)).toEqual(new Set(['host-4', 'host-5']));
  expect(end.hosts.map(({ wave }) => wave)).toEqual([
    ...['wave-1', 'wave-1', 'wave-1', 'wave-2', 'wave-2', 'wave-3', 'wave-3', 'wave-3'],
  ]);
  expect(end.state).toBe('succeeded');
});

test('no more hosts are away at once than allowed', async () => {
  const fleet = world.fleet(9);
  const install = { strategy: 'waves', sizes: [{ hosts: 9 }], maxUnavailable: { hosts: 2 } } as const;
  for (const name of ['host-2', 'host-3', 'host-4', 'host-5']) fleet.host(name).hold();

  const upgrade = await world.start(fleet, { install });
  await fleet.until(() => fleet.begun('install').length === 3);
  fleet.host('host-2').letGo();
  await fleet.until(() => fleet.begun('install').length === 4);
  for (const name of ['host-3', 'host-4', 'host-5']) fleet.host(name).letGo();
  await upgrade.end();

  expect(fleet.mostAtWork).toBe(2);
  expect(fleet.versions()).toEqual(Array.from({ length: 9 }, () => '2.0.0'));
});

test('a fleet that is on the release already is left alone, and the upgrade succeeds', async () => {
  const fleet = world.fleet(['2.0.0', '2.0.0', '2.0.0']);

  const end = await (await world.start(fleet)).end();

  expect(end.state).toBe('succeeded');
  expect(statesOf(end)).toEqual({ 'host-1': 'alreadyThere', 'host-2': 'alreadyThere', 'host-3': 'alreadyThere' });
  expect(fleet.log).toEqual([]);
});

test('only hosts that need it are touched', async () => {
  const fleet = world.fleet(['2.0.0', '1.0.0', null]);

  const end = await (await world.start(fleet)).end();

  expect(fleet.begun('install')).toEqual(['host-2', 'host-3']);
  expect(statesOf(end)).toEqual({ 'host-1': 'alreadyThere', 'host-2': 'done', 'host-3': 'done' });
});

test('errors of preflight fail the upgrade with all findings before any host is touched', async () => {
  const fleet = world.fleet(3);
  fleet.findings = [
    { host: fleet.host('host-2').name, severity: 'error', what: 'disk full', remedy: 'free some' },
    { host: fleet.host('host-3').name, severity: 'error', what: 'no engine', remedy: 'start it' },
    { host: null, severity: 'warning', what: 'etcd is slow', remedy: 'look at it' },
  ];

  const upgrade = await world.start(fleet);
  const error = await upgrade.handle.result().then(
    () => null,
    (cause: unknown) => cause,
  );
  const end = await upgrade.end();

  assert(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure);
  expect(error.cause.type).toBe(failureTypes.upgradeFailed);
  expect(end).toMatchObject({ state: 'failed', phase: 'preflight', findings: fleet.findings });
  expect(end.error).toContain('2 errors');
  expect(fleet.log).toEqual([]);
});

test('warnings of preflight stop nothing', async () => {
  const fleet = world.fleet(1);
  fleet.findings = [{ host: null, severity: 'warning', what: 'etcd is slow', remedy: 'look at it' }];

  const end = await (await world.start(fleet)).end();

  expect(end).toMatchObject({ state: 'succeeded', findings: fleet.findings });
});

test('a second upgrade of a fleet is refused while the first one runs', async () => {
  const fleet = world.fleet(1);
  fleet.host('host-1').hold();
  const first = await world.start(fleet);

  await expect(world.start(fleet)).rejects.toBeInstanceOf(WorkflowExecutionAlreadyStartedError);

  fleet.host('host-1').letGo();
  expect((await first.end()).state).toBe('succeeded');
  expect(fleet.host('host-1').orders).toBe(1);
});

test('a host that is elsewhere at the end is put to the operator, and measured again on resume', async () => {
  const fleet = world.fleet(2);
  fleet.onActivity = (name, when) => {
    if (name === 'orderHost' && when === 'after' && fleet.begun('install').length === 2)
      fleet.host('host-2').installed = '1.0.0';
  };

  const upgrade = await world.start(fleet);
  const waiting = await upgrade.until(({ state }) => state === 'waiting');
  fleet.host('host-2').installed = '2.0.0';
  await upgrade.command('resume');
  const end = await upgrade.end();

  expect(waiting).toMatchObject({ phase: 'verify', findings: [{ host: 'host-2' }] });
  expect(waiting.waiting[0]?.movedOnBy).toContain(`refit resume ${upgrade.id}`);
  expect(end).toMatchObject({ state: 'succeeded', findings: [] });
});
