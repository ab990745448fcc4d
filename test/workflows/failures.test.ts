import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parseStepId } from '../../model/ids.ts';
import { statesOf } from './upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const packages = parseStepId('packages');
const twoAtOnce = {
  install: { strategy: 'waves', sizes: [{ hosts: 1 }, { hosts: 9 }], maxUnavailable: null },
} as const;

describe('with the default policy', () => {
  test('a failed host stops the upgrade, which says where, why and what to do; retry goes on', async () => {
    const fleet = world.fleet(3);
    fleet.host('host-2').failNext({ state: 'reverted', error: 'postinst ended with 1', step: packages });
    const upgrade = await world.start(fleet);
    const waiting = await upgrade.until(({ state }) => state === 'waiting');
    const begun = fleet.begun('install');

    const answer = await upgrade.onHost('retryHost', 'host-2');
    const end = await upgrade.end();

    expect(waiting.error).toBe('host-2 failed: postinst ended with 1');
    expect(waiting.waiting).toMatchObject([{ host: 'host-2', until: null }]);
    expect(waiting.waiting[0]?.movedOnBy).toContain(`refit retry ${upgrade.id} HOST`);
    expect(statesOf(waiting)).toEqual({ 'host-1': 'done', 'host-2': 'reverted', 'host-3': 'staged' });
    expect(begun).toEqual(['host-1', 'host-2']);
    expect(answer).toBe('host-2 is tried again');
    expect(end.state).toBe('succeeded');
    expect(end.hosts[1]).not.toHaveProperty('error');
    expect(fleet.begun('install')).toEqual(['host-1', 'host-2', 'host-2', 'host-3']);
  });

  test('skip leaves the host as it is and goes on without it', async () => {
    const fleet = world.fleet(3);
    fleet.host('host-1').failNext({ state: 'unhealthy', error: 'no answer on :80' });
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.onHost('skipHost', 'host-1');
    const end = await upgrade.end();

    expect(end.state).toBe('succeeded');
    expect(statesOf(end)).toEqual({ 'host-1': 'skipped', 'host-2': 'done', 'host-3': 'done' });
    expect(end.hosts[0]?.error).toBe('no answer on :80');
    expect(fleet.host('host-1').orders).toBe(1);
  });

  test('one resume tries every failed host of the wave again', async () => {
    const fleet = world.fleet(5);
    for (const name of ['host-2', 'host-3', 'host-4', 'host-5']) fleet.host(name).hold();
    for (const name of ['host-2', 'host-3', 'host-4', 'host-5']) fleet.host(name).failNext({ state: 'unhealthy' });
    const upgrade = await world.start(fleet, twoAtOnce);
    await fleet.until(() => fleet.begun('install').length === 5);
    for (const name of ['host-2', 'host-3', 'host-4', 'host-5']) fleet.host(name).letGo();
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(waiting.error).toMatch(/failed: .*; and 1 more$/);
    expect(end.state).toBe('succeeded');
    expect(fleet.versions()).toEqual(Array.from({ length: 5 }, () => '2.0.0'));
  });

  test('hosts that failed together are answered one by one', async () => {
    const fleet = world.fleet(3);
    for (const name of ['host-2', 'host-3']) {
      fleet.host(name).hold();
      fleet.host(name).failNext({ state: 'stuck' });
    }
    const upgrade = await world.start(fleet, twoAtOnce);
    await fleet.until(() => fleet.begun('install').length === 3);
    for (const name of ['host-2', 'host-3']) fleet.host(name).letGo();
    await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.onHost('skipHost', 'host-2');
    const between = await upgrade.progress();
    await upgrade.onHost('retryHost', 'host-3');
    const end = await upgrade.end();

    expect(between.state).toBe('waiting');
    expect(statesOf(end)).toEqual({ 'host-1': 'done', 'host-2': 'skipped', 'host-3': 'done' });
  });

  test('a host that was lost is put to the operator', async () => {
    const fleet = world.fleet(2);
    fleet.host('host-1').failNext({ state: 'lost', error: 'no sign of life for 90 s' });
    const upgrade = await world.start(fleet);
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(statesOf(waiting)).toEqual({ 'host-1': 'lost', 'host-2': 'staged' });
    expect(end.state).toBe('succeeded');
  });

  test('what waits for an operator can be rolled back: hosts that may have been changed go back too', async () => {
    const fleet = world.fleet(4);
    fleet.host('host-3').failNext({ state: 'stuck', error: 'undo failed' });
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.command('rollback', { reason: 'bad release' });
    const end = await upgrade.end();

    expect(end.state).toBe('rolledBack');
    expect(fleet.begun('revert')).toEqual(['host-3', 'host-2', 'host-1']);
  });

  test('a host that does not go back is put to the operator, and tried again', async () => {
    const fleet = world.fleet(3);
    fleet.host('host-3').hold();
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.begun('install').length === 3);
    await upgrade.command('rollback');
    fleet.host('host-2').hold();
    fleet.host('host-3').letGo();
    await fleet.until(() => fleet.begun('revert').length === 2);
    fleet.host('host-2').failNext({ state: 'stuck', error: 'undo failed' });
    fleet.host('host-2').letGo();
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.onHost('retryHost', 'host-2');
    const end = await upgrade.end();

    expect(waiting.error).toBe('host-2 did not go back: undo failed');
    expect(waiting.waiting[0]?.movedOnBy).not.toContain('refit rollback');
    expect(end.state).toBe('rolledBack');
    expect(fleet.versions()).toEqual(['1.0.0', '1.0.0', '1.0.0']);
  });

  test('a run that was fenced off fails, and says why', async () => {
    const fleet = world.fleet(2);
    fleet.onActivity = (name) => void (fleet.isFenced ||= name === 'orderHost' && fleet.begun('install').length === 1);

    const end = await (await world.start(fleet)).end();

    expect(end).toMatchObject({ state: 'failed', phase: 'install' });
    expect(end.error).toContain('was taken over by epoch 2');
    expect(fleet.begun('install')).toEqual(['host-1']);
  });
});

describe('policies', () => {
  test('skip leaves hosts behind within the budget, which counts over the whole fleet, and asks beyond it', async () => {
    const fleet = world.fleet(6);
    for (const name of ['host-1', 'host-3', 'host-5']) fleet.host(name).failNext({ state: 'unhealthy' });
    const upgrade = await world.start(fleet, { onFailure: 'skip', maxFailures: { hosts: 2 } });
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.onHost('skipHost', 'host-5');
    const end = await upgrade.end();

    expect(statesOf(waiting)).toMatchObject({ 'host-1': 'skipped', 'host-3': 'skipped', 'host-5': 'unhealthy' });
    expect(waiting.decisions.map(({ decision }) => decision)).toEqual(['skip host-1', 'skip host-3', 'ask host-5']);
    expect(waiting.decisions[2]?.because).toContain('3 of 6 hosts failed, the budget is 2');
    expect(end.state).toBe('succeeded');
    expect(fleet.versions()).toEqual(['1.0.0', '2.0.0', '1.0.0', '2.0.0', '1.0.0', '2.0.0']);
  });

  test('rollback takes the fleet back by itself', async () => {
    const fleet = world.fleet(4);
    fleet.host('host-3').failNext({ state: 'reverted', step: packages });

    const end = await (await world.start(fleet, { onFailure: 'rollback' })).end();

    expect(end.state).toBe('rolledBack');
    expect(fleet.begun('revert')).toEqual(['host-2', 'host-1']);
    expect(statesOf(end)).toEqual({
      ...{ 'host-1': 'rolledBack', 'host-2': 'rolledBack', 'host-3': 'reverted', 'host-4': 'staged' },
    });
    expect(end.decisions.map(({ decision }) => decision)).toEqual(['the release is at fault', 'rollback host-3']);
  });
});

describe('environment or release', () => {
  test('what fails on an untouched host as well is the environment: wait, try again, undo nothing', async () => {
    const fleet = world.fleet(3);
    fleet.host('host-2').failNext({ state: 'reverted', error: 'registry is away', step: packages });
    fleet.probes.push({ ok: false, evidence: 'registry is away' });

    const end = await (await world.start(fleet, { onFailure: 'rollback' })).end();

    expect(end.state).toBe('succeeded');
    expect(fleet.log).toContain('probe host-3');
    expect(fleet.begun('revert')).toEqual([]);
    expect(end.decisions).toMatchObject([
      {
        rule: 'environment-or-release',
        decision: 'the environment is at fault',
        because: 'packages on host-3: registry is away',
      },
      { rule: 'environment', decision: 'retry host-2' },
    ]);
  });

  test('an environment that stays broken is put to the operator', async () => {
    const fleet = world.fleet(3);
    for (let turn = 0; turn < 4; turn++) {
      fleet.host('host-2').failNext({ state: 'reverted', error: 'registry is away', step: packages });
      fleet.probes.push({ ok: false, evidence: 'registry is away' });
    }
    const upgrade = await world.start(fleet, { onFailure: 'rollback' });
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(waiting.decisions.at(-1)?.because).toContain('the environment stayed broken for 3 tries');
    expect(fleet.host('host-2').orders).toBe(5);
    expect(end.state).toBe('succeeded');
  });

  test('while the environment is waited for, the progress says until when, and an operator can skip the host', async () => {
    const fleet = world.fleet(3);
    fleet.host('host-2').failNext({ state: 'reverted', error: 'registry is away', step: packages });
    fleet.probes.push({ ok: false, evidence: 'registry is away' });
    const upgrade = await world.start(fleet, { environmentRetryMs: 3_600_000 });
    const waiting = await upgrade.until((progress) => progress.waiting[0]?.what.includes('environment') === true);

    await upgrade.onHost('skipHost', 'host-2');
    const end = await upgrade.end();

    expect(waiting.waiting[0]?.until).toBe((waiting.waiting[0]?.since ?? 0) + 3_600_000);
    expect(waiting.waiting[0]?.what).toContain('registry is away');
    expect(statesOf(end)).toEqual({ 'host-1': 'done', 'host-2': 'skipped', 'host-3': 'done' });
  });

  test('a probe that never ends is no verdict, and the policy decides', async () => {
    const fleet = world.fleet(3);
    fleet.host('host-2').failNext({ state: 'reverted', step: packages });
    fleet.break('probeHost', ApplicationFailure.nonRetryable('no such step', 'Other'));

    const upgrade = await world.start(fleet);
    const waiting = await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('abort');

    expect(waiting.decisions.map(({ decision }) => decision)).toEqual(['unknown', 'ask host-2']);
    expect((await upgrade.end()).state).toBe('aborted');
  });
});

describe('downloads', () => {
  test('one that the environment failed is tried again', async () => {
    const fleet = world.fleet(3);
    fleet.failDownload('host-2', 'environment', 'registry is away');
    fleet.failDownload('host-2', 'environment', 'registry is away');

    const end = await (await world.start(fleet)).end();

    expect(end.state).toBe('succeeded');
    expect(fleet.log.filter((event) => event === 'download host-2')).toHaveLength(3);
    expect(fleet.log.filter((event) => event === 'download host-1')).toHaveLength(1);
  });

  test('one that the release failed is put to the operator before any host is changed', async () => {
    const fleet = world.fleet(3);
    fleet.failDownload('host-3', 'release', 'the layer is corrupt');
    const upgrade = await world.start(fleet);
    const waiting = await upgrade.until(({ state }) => state === 'waiting');
    const begun = fleet.begun('install');

    await upgrade.onHost('skipHost', 'host-3');
    const end = await upgrade.end();

    expect(waiting).toMatchObject({ phase: 'download', error: 'host-3 failed: the layer is corrupt' });
    expect(begun).toEqual([]);
    expect(statesOf(end)).toEqual({ 'host-1': 'done', 'host-2': 'done', 'host-3': 'skipped' });
  });

  test('roll back before the first install changes no host', async () => {
    const fleet = world.fleet(2);
    fleet.failDownload('host-1', 'release');
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.command('rollback');
    const end = await upgrade.end();

    expect(end.state).toBe('rolledBack');
    expect([...fleet.hosts.values()].map(({ orders }) => orders)).toEqual([0, 0]);
  });

  test.each(['rollback', 'abort'])('%s does not wait for a download that hangs, also after a pause', async (name) => {
    const fleet = world.fleet(3);
    fleet.hangDownload('host-2');
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.log.includes('download host-2'));
    await upgrade.command('pause');
    const paused = await upgrade.progress();

    await upgrade.command(name);
    const end = await upgrade.end();

    expect(paused).toMatchObject({ state: 'running', phase: 'download' });
    expect(end.state).toBe(name === 'abort' ? 'aborted' : 'rolledBack');
    expect(fleet.begun('install')).toEqual([]);
  });
});
