import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../client/cli/exit.ts';
import { needsOperator, nextCommands, verdict } from '../../client/cli/verdict.ts';
import { parseHostId } from '../../model/ids.ts';
import type { Finding, Progress } from '../../model/upgrade.ts';
import { BEGAN, makeHost, makeProgress, makeStanding, makeWaiting } from './progress.ts';

const finding: Finding = { host: parseHostId('host-2'), severity: 'error', what: '10 MiB free', remedy: 'make room' };
const preflightFailed: Partial<Progress> = { state: 'failed', phase: 'preflight', findings: [finding] };

describe('the end of a command that followed an upgrade', () => {
  it.each([
    ['succeeded', { state: 'succeeded' }, 'upgrade', exitCodes.done],
    ['failed', { state: 'failed' }, 'upgrade', exitCodes.failed],
    ['rolled back', { state: 'rolledBack' }, 'upgrade', exitCodes.failed],
    ['rolled back as asked', { state: 'rolledBack' }, 'rollback', exitCodes.done],
    ['succeeded before the roll back', { state: 'succeeded' }, 'rollback', exitCodes.failed],
    ['aborted', { state: 'aborted' }, 'upgrade', exitCodes.failed],
    ['refused by preflight', preflightFailed, 'upgrade', exitCodes.wrongInput],
    ['failed in preflight without a finding', { ...preflightFailed, findings: [] }, 'upgrade', exitCodes.failed],
    ['paused', { state: 'paused' }, 'upgrade', exitCodes.waiting],
    ['waiting', { state: 'waiting' }, 'upgrade', exitCodes.waiting],
    ['waiting in a roll back', { state: 'waiting' }, 'rollback', exitCodes.waiting],
  ] as const)('%s', (...[, changes, asked, exitCode]) => {
    expect(verdict(makeProgress(changes), asked).exitCode).toBe(exitCode);
  });

  it('says that nothing had to be done when every host was there', () => {
    const hosts = [makeHost('host-1', { state: 'alreadyThere' }), makeHost('host-2', { state: 'alreadyThere' })];

    expect(verdict(makeProgress({ state: 'succeeded', hosts }), 'upgrade')).toEqual({
      exitCode: 0,
      message: 'nothing had to be done: every host of fleet lab is on sample 2.0.0 already',
    });
  });

  it('names the services that were upgraded on hosts that were there already', () => {
    const hosts = [makeHost('host-1', { state: 'alreadyThere' })];
    const services = [makeStanding('web', { state: 'done' }), makeStanding('db', { state: 'alreadyThere' })];

    expect(verdict(makeProgress({ state: 'succeeded', hosts, services }), 'upgrade').message).toBe(
      'upgrade lab-7 succeeded: fleet lab is on sample 2.0.0, 0 of 1 hosts upgraded, 1 there already, services upgraded: web',
    );
  });

  it('counts the hosts of a success, also those left behind', () => {
    const states = ['done', 'done', 'alreadyThere', 'skipped'] as const;
    const hosts = states.map((state, index) => makeHost(`host-${index}`, { state }));
    const progress = makeProgress({ state: 'succeeded', hosts, finishedAt: BEGAN + 61_000 });

    expect(verdict(progress, 'upgrade').message).toBe(
      'upgrade lab-7 succeeded: fleet lab is on sample 2.0.0, 2 of 4 hosts upgraded, 1 there already, 1 left behind in 1m 1s',
    );
  });

  it('lists every finding of a refusal, with what to do', () => {
    const fleetWide: Finding = {
      host: null,
      severity: 'warning',
      what: 'one etcd member is away',
      remedy: 'bring it back',
    };
    const progress = makeProgress({ ...preflightFailed, findings: [finding, fleetWide] });

    expect(verdict(progress, 'upgrade').message.split('\n')).toEqual([
      'sample 2.0.0 was refused before any host was touched:',
      '  error: host-2: 10 MiB free; make room',
      '  warning: fleet: one etcd member is away; bring it back',
    ]);
  });

  it('says why an upgrade failed', () => {
    const progress = makeProgress({ state: 'failed', error: 'fenced by another run' });

    expect(verdict(progress, 'upgrade').message).toBe('upgrade lab-7 failed: fenced by another run');
  });
});

describe('an upgrade that waits for its operator', () => {
  const hosts = [makeHost('host-1', { state: 'done' }), makeHost('host-2', { state: 'reverted' })];
  const movedOnBy = 'refit resume lab-7 | refit retry lab-7 HOST | refit skip lab-7 HOST | refit rollback lab-7';
  const waiting = makeProgress({
    state: 'waiting',
    hosts,
    waiting: [makeWaiting({ what: 'the operator: x', movedOnBy })],
  });

  it('spells the commands out for the hosts that failed', () => {
    expect(nextCommands(waiting)).toEqual([
      'refit resume lab-7',
      'refit retry lab-7 host-2',
      'refit skip lab-7 host-2',
      'refit rollback lab-7',
    ]);
  });

  it('says what it waits for and what can be done', () => {
    const { message } = verdict(waiting, 'upgrade');

    expect(message.split('\n').slice(0, 3)).toEqual([
      'upgrade lab-7 waits for the operator: x',
      'what can be done:',
      '  refit resume lab-7',
    ]);
  });

  it('is not over for its follower while a host is still at work', () => {
    const busy = makeProgress({ ...waiting, hosts: [...hosts, makeHost('host-3', { state: 'installing' })] });

    expect(needsOperator(busy)).toBe(false);
    expect(needsOperator(waiting)).toBe(true);
  });

  it('offers no command where something else moves it on', () => {
    const progress = makeProgress({ waiting: [makeWaiting({ movedOnBy: 'the agent on host-1, or its deadline' })] });

    expect(nextCommands(progress)).toEqual([]);
  });

  it('spells out a bounded number of failed hosts', () => {
    const many = Array.from({ length: 30 }, (_, index) => makeHost(`host-${index}`, { state: 'failed' }));

    expect(nextCommands({ ...waiting, hosts: many }).length).toBeLessThan(15);
  });
});
