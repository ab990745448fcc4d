import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parseUpgradeId } from '../../model/ids.ts';
import { eventually } from '../eventually.ts';
import { eventCount, statesOf } from './upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const inWaves = { install: { strategy: 'waves', sizes: [{ hosts: 6 }], maxUnavailable: { hosts: 2 } } } as const;

describe.each(['an update', 'a signal'] as const)('as %s', (kind) => {
  const tell = async (upgrade: Awaited<ReturnType<World['start']>>, name: string): Promise<void> => {
    if (kind === 'an update') {
      await upgrade.command(name, { reason: 'because', by: 'ada' });
      return;
    }
    const { waveWorkflowId } = await upgrade.progress();
    await upgrade.signal(name);
    // A signal has no answer that tells when the wave knows of it.
    if (waveWorkflowId !== null && name !== 'resume') await untilSignaled(waveWorkflowId);
  };

  test('pause lets what runs finish and starts nothing; resume goes on', async () => {
    const fleet = world.fleet(6);
    const upgrade = await world.start(fleet, inWaves);
    for (const name of ['host-2', 'host-3']) fleet.host(name).hold();
    await fleet.until(() => fleet.begun('install').length === 3);

    await tell(upgrade, 'pause');
    const during = await upgrade.progress();
    fleet.host('host-2').letGo();
    fleet.host('host-3').letGo();
    const paused = await upgrade.until(({ state }) => state === 'paused');
    const begun = fleet.begun('install').length;
    await tell(upgrade, 'resume');
    const end = await upgrade.end();

    expect(during.state).toBe('running');
    expect(begun).toBe(3);
    expect(statesOf(paused)).toMatchObject({
      'host-1': 'done',
      'host-2': 'done',
      'host-3': 'done',
      'host-4': 'staged',
    });
    expect(paused.waiting).toMatchObject([
      { until: null, movedOnBy: expect.stringContaining('refit resume') as string },
    ]);
    expect(end.state).toBe('succeeded');
    expect([...fleet.hosts.values()].map(({ orders }) => orders)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('rollback takes the hosts that are done back, in reverse order', async () => {
    const fleet = world.fleet(4);
    fleet.host('host-3').hold();
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.begun('install').length === 3);

    await tell(upgrade, 'rollback');
    fleet.host('host-3').letGo();
    const end = await upgrade.end();

    expect(end).toMatchObject({ state: 'rolledBack', phase: 'end' });
    expect(fleet.begun('revert')).toEqual(['host-3', 'host-2', 'host-1']);
    expect(fleet.versions()).toEqual(['1.0.0', '1.0.0', '1.0.0', '1.0.0']);
    expect(statesOf(end)).toMatchObject({ 'host-1': 'rolledBack', 'host-3': 'rolledBack', 'host-4': 'staged' });
  });

  test('abort lets what runs finish and leaves every host as it is', async () => {
    const fleet = world.fleet(3);
    fleet.host('host-2').hold();
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.begun('install').length === 2);

    await tell(upgrade, 'abort');
    fleet.host('host-2').letGo();
    const end = await upgrade.end();

    expect(end.state).toBe('aborted');
    expect(fleet.versions()).toEqual(['2.0.0', '2.0.0', '1.0.0']);
    expect(fleet.begun('revert')).toEqual([]);
  });
});

async function untilSignaled(workflowId: string): Promise<void> {
  await eventually(async () => {
    const { events } = await world.client.workflow.getHandle(workflowId).fetchHistory();
    return events?.some((event) => event.workflowExecutionSignaledEventAttributes != null) === true;
  });
}

test('a command that makes no sense is refused with the reason, and leaves no history', async () => {
  const fleet = world.fleet(2);
  fleet.host('host-1').hold();
  const upgrade = await world.start(fleet);
  await fleet.until(() => fleet.begun('install').length === 1);
  await upgrade.until(({ phase }) => phase === 'install');
  const before = await eventCount(upgrade);

  const refusals = [
    await upgrade.command('pause', { upgrade: parseUpgradeId('another-1') }),
    await upgrade.command('resume'),
    await upgrade.onHost('retryHost', 'host-2'),
    await upgrade.onHost('skipHost', 'host-7'),
    await upgrade.command('approve', { step: 'serial-1' }),
  ];

  expect(refusals).toEqual([
    `pause refused: another-1 does not run; ${upgrade.id} does`,
    'resume refused: it is running, not paused',
    expect.stringMatching(/^retryHost refused: host-2 is staged; only a host that failed/),
    'skipHost refused: host-7 is not in this upgrade; its hosts: host-1, host-2',
    expect.stringContaining('waits for no approval'),
  ]);
  expect(await eventCount(upgrade)).toBe(before);
  fleet.host('host-1').letGo();
  expect((await upgrade.end()).decisions).toEqual([]);
});

test('a signal that makes no sense is noted and changes nothing', async () => {
  const fleet = world.fleet(1);
  fleet.host('host-1').hold();
  const upgrade = await world.start(fleet);
  await fleet.until(() => fleet.begun('install').length === 1);

  await upgrade.signal('resume');
  await upgrade.signal('skipHost', null);
  await upgrade.signal('retryHost', 'nonsense');
  await upgrade.signal('approve', {});
  fleet.host('host-1').letGo();
  const end = await upgrade.end();

  expect(end.state).toBe('succeeded');
  expect(end.decisions.map(({ decision }) => decision)).toEqual([
    'resume ignored',
    'skipHost ignored',
    'retryHost ignored',
    'approve ignored',
  ]);
});

test('every accepted command is in the record, with its reason and its person', async () => {
  const fleet = world.fleet(2);
  fleet.host('host-1').hold();
  const upgrade = await world.start(fleet);
  await fleet.until(() => fleet.begun('install').length === 1);

  await upgrade.command('pause', { reason: 'lunch', by: 'ada' });
  const twice = await upgrade.command('pause', { reason: 'lunch', by: 'bob' });
  fleet.host('host-1').letGo();
  await upgrade.until(({ state }) => state === 'paused');
  await upgrade.command('resume', { by: 'bob' });
  const end = await upgrade.end();

  expect(twice).toBe('pause refused: it is paused already');
  expect(end.decisions).toMatchObject([
    { rule: 'operator', decision: 'pause', because: 'lunch', by: 'ada' },
    { rule: 'operator', decision: 'resume', because: 'no reason given', by: 'bob' },
  ]);
});

test('abort also ends an upgrade whose preflight gets no answer', async () => {
  const fleet = world.fleet(2);
  fleet.break('preflight', new Error('etcd does not answer'));
  const upgrade = await world.start(fleet);
  const waiting = await upgrade.until((progress) => progress.waiting[0]?.what === 'preflight');

  await upgrade.command('abort');
  const end = await upgrade.end();

  expect(waiting.waiting[0]?.movedOnBy).toContain('etcd');
  expect(end).toMatchObject({ state: 'aborted', waiting: [] });
  expect(fleet.log).toEqual([]);
});

test('a roll back is not rolled back, and can be paused', async () => {
  const fleet = world.fleet(3);
  const upgrade = await world.start(fleet);
  fleet.host('host-3').hold();
  await fleet.until(() => fleet.begun('install').length === 3);
  await upgrade.command('rollback');
  fleet.host('host-2').hold();
  fleet.host('host-3').letGo();
  await fleet.until(() => fleet.begun('revert').length === 2);

  const again = await upgrade.command('rollback');
  await upgrade.command('pause');
  fleet.host('host-2').letGo();
  const paused = await upgrade.until(({ state }) => state === 'paused');
  await upgrade.command('resume');
  const end = await upgrade.end();

  expect(again).toBe('rollback refused: it is rolling back already');
  expect(statesOf(paused)).toEqual({ 'host-1': 'done', 'host-2': 'rolledBack', 'host-3': 'rolledBack' });
  expect(end.state).toBe('rolledBack');
  expect(fleet.begun('revert')).toEqual(['host-3', 'host-2', 'host-1']);
});

test('abort in the middle of a roll back leaves the rest as it is', async () => {
  const fleet = world.fleet(3);
  const upgrade = await world.start(fleet);
  fleet.host('host-3').hold();
  await fleet.until(() => fleet.begun('install').length === 3);
  await upgrade.command('rollback');
  fleet.host('host-2').hold();
  fleet.host('host-3').letGo();
  await fleet.until(() => fleet.begun('revert').length === 2);

  await upgrade.command('abort');
  fleet.host('host-2').letGo();
  const end = await upgrade.end();

  expect(end.state).toBe('aborted');
  expect(fleet.versions()).toEqual(['2.0.0', '1.0.0', '1.0.0']);
});

test('retry carries what becomes of files that an administrator edited to that host alone', async () => {
  const fleet = world.fleet(3);
  fleet.host('host-2').failNext({ state: 'failed', error: '/etc/app.conf was edited', step: null });
  const upgrade = await world.start(fleet);
  await upgrade.until(({ state }) => state === 'waiting');

  await upgrade.handle.executeUpdate('retryHost', { args: [{ host: 'host-2', edited: 'keep' }] });
  const end = await upgrade.end();

  expect(end.state).toBe('succeeded');
  expect([...fleet.hosts.values()].map(({ edited }) => edited)).toEqual([null, 'keep', null]);
});

test('with --step every wave waits for its approval; resume gives it as well', async () => {
  const fleet = world.fleet(3);
  const install = { strategy: 'waves', sizes: [{ hosts: 1 }], maxUnavailable: null } as const;
  const upgrade = await world.start(fleet, { install, step: true });
  const asked = await upgrade.until(({ state }) => state === 'waiting');
  const unknown = await upgrade.command('approve', { step: 'wave-9' });

  await upgrade.command('approve', { step: 'wave-1' });
  const second = await upgrade.until(({ state, hosts }) => state === 'waiting' && hosts[0]?.state === 'done');
  const begun = fleet.begun('install');
  await upgrade.command('resume');
  await fleet.until(() => fleet.begun('install').length === 2);
  await upgrade.command('approve', { step: 'wave-3' });
  const end = await upgrade.end();

  expect(asked.waiting[0]).toMatchObject({ what: 'the operator: approval of wave-1', until: null });
  expect(asked.waiting[0]?.movedOnBy).toContain(`refit approve ${upgrade.id} wave-1`);
  expect(unknown).toContain('there are: wave-1, wave-2, wave-3');
  expect(second.waiting[0]?.what).toContain('wave-2');
  expect(begun).toEqual(['host-1']);
  expect(end.state).toBe('succeeded');
});

test('an upgrade that is cancelled in the Web UI ends as aborted', async () => {
  const fleet = world.fleet(3);
  fleet.host('host-2').hold();
  const upgrade = await world.start(fleet);
  await fleet.until(() => fleet.begun('install').length === 2);

  await upgrade.handle.cancel();
  const end = await upgrade.end();
  fleet.host('host-2').letGo();

  expect(end).toMatchObject({ state: 'aborted', error: expect.stringContaining('cancelled') as string });
  expect(fleet.begun('install')).toEqual(['host-1', 'host-2']);
});
