import { describe, expect, it } from 'vitest';
import { containerVerdict } from '../../client/cli/container-verdict.ts';
import { exitCodes } from '../../client/cli/exit.ts';
import { serviceVerdict } from '../../client/cli/service-verdict.ts';
import { makeContainer, makeMember, makeService, newImage } from './members.ts';
import { BEGAN, makeWaiting } from './progress.ts';

describe('the end of a command that followed a container’s upgrade', () => {
  it.each([
    ['succeeded', 'upgrade', exitCodes.done],
    ['alreadyThere', 'upgrade', exitCodes.done],
    ['rolledBack', 'upgrade', exitCodes.failed],
    ['rolledBack', 'rollback', exitCodes.done],
    ['failed', 'upgrade', exitCodes.failed],
    ['failed', 'rollback', exitCodes.failed],
  ] as const)('%s after %s', (state, asked, exitCode) => {
    const progress = makeContainer({ state, error: exitCode === exitCodes.done ? null : 'it exited with 1' });

    expect(containerVerdict({ run: 'ended', progress }, asked).exitCode).toBe(exitCode);
  });

  it('is wrong input when the workflow refused it, and says that nothing was changed', () => {
    expect(containerVerdict({ run: 'refused', because: 'host host-1 has no container db' }, 'upgrade')).toEqual({
      exitCode: exitCodes.wrongInput,
      message: 'host host-1 has no container db; nothing was changed',
    });
  });

  it('is a failure when the workflow was closed from outside', () => {
    expect(containerVerdict({ run: 'closed', because: 'terminated' }, 'upgrade').exitCode).toBe(exitCodes.failed);
  });

  it('says how long it was away, until when the old one is kept, and what could not be kept', () => {
    const changes = { to: newImage, awayMs: 312, keptUntil: BEGAN, notes: ['the MAC address is new'] };
    const progress = makeContainer({ state: 'succeeded', ...changes });

    expect(containerVerdict({ run: 'ended', progress }, 'upgrade').message.split('\n')).toEqual([
      'upgrade host-1-db-1 succeeded: db on host-1 is on registry.lab:5000/db@sha256:cccccccccccc; it was away for 312 ms',
      'its old container is kept until 2026-01-02T03:04:05.000Z; back with: refit container rollback host-1 db',
      'note: the MAC address is new',
    ]);
  });

  it('says why the old container is in place again', () => {
    const progress = makeContainer({ state: 'rolledBack', error: 'it exited with 1' });

    expect(containerVerdict({ run: 'ended', progress }, 'upgrade').message).toBe(
      'db on host-1 was not upgraded, and is the old container again, as before: it exited with 1',
    );
  });
});

describe('the end of a command that followed a service’s upgrade', () => {
  it.each([
    ['succeeded', 'upgrade', exitCodes.done],
    ['succeeded', 'rollback', exitCodes.failed],
    ['succeeded', 'takeBack', exitCodes.done],
    ['rolledBack', 'upgrade', exitCodes.failed],
    ['rolledBack', 'rollback', exitCodes.done],
    ['rolledBack', 'takeBack', exitCodes.done],
    ['failed', 'upgrade', exitCodes.failed],
    ['aborted', 'upgrade', exitCodes.failed],
    ['paused', 'upgrade', exitCodes.waiting],
    ['waiting', 'rollback', exitCodes.waiting],
  ] as const)('%s after %s', (state, asked, exitCode) => {
    expect(serviceVerdict({ run: 'ended', progress: makeService({ state }) }, asked).exitCode).toBe(exitCode);
  });

  it('does not ask the operator while a member is at work', () => {
    const members = [makeMember('host-1', 'web-1', { state: 'Updating', stage: 'drain' })];
    const progress = makeService({ state: 'paused', members });

    expect(serviceVerdict({ run: 'live', progress }, 'upgrade').exitCode).toBe(exitCodes.done);
  });

  it('spells out what the operator can do', () => {
    const waiting = [makeWaiting({ movedOnBy: 'refit service resume web | refit service rollback web' })];

    expect(serviceVerdict({ run: 'live', progress: makeService({ state: 'waiting', waiting }) }, 'upgrade')).toEqual({
      exitCode: exitCodes.waiting,
      message: [
        'upgrade web-1 waits for the operator',
        'what can be done:',
        '  refit service resume web',
        '  refit service rollback web',
      ].join('\n'),
    });
  });

  it('counts the members of a success, and says when there was nothing to do', () => {
    const to = 'registry.lab:5000/web:2';
    const members = [makeMember('host-1', 'web-1', { to }), makeMember('host-2', 'web-1', { state: 'Failed', to })];
    const done = makeService({ state: 'succeeded', finishedAt: BEGAN + 9_000, members });

    expect(serviceVerdict({ run: 'ended', progress: done }, 'upgrade').message).toBe(
      'upgrade web-1 succeeded: service web is on registry.lab:5000/web:2, 1 of 2 members upgraded, 1 left behind in 9s',
    );
    expect(serviceVerdict({ run: 'ended', progress: makeService({ state: 'succeeded' }) }, 'upgrade').message).toBe(
      'nothing had to be done: every member of service web is on registry.lab:5000/web:2',
    );
  });

  it('names the members that failed', () => {
    const members = [makeMember('host-2', 'web-1', { state: 'Failed', error: 'it exited with 1' })];
    const failed = makeService({ state: 'failed', error: 'a member needs a person', members });

    expect(serviceVerdict({ run: 'ended', progress: failed }, 'upgrade').message).toBe(
      'upgrade web-1 failed: a member needs a person\n  web-1 on host-2: it exited with 1',
    );
  });
});
