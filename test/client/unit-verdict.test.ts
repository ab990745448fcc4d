import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../client/cli/exit.ts';
import { noWayBack } from '../../client/cli/unit-operate.ts';
import { isKeeping, unitVerdict, type AskedOfUnit } from '../../client/cli/unit-verdict.ts';
import { acceptedUnit, busyMessage } from '../../client/cli/accepted-unit.ts';
import { Unreachable } from '../../client/unreachable.ts';
import type { UnitProgress } from '../../model/unit-upgrade.ts';
import type { Finding } from '../../model/upgrade.ts';
import { BEGAN, makeWaiting } from './progress.ts';
import { done, makeJob, makeSteps, makeUnit, makeUnitMember, shop } from './units.ts';

const at = '2026-01-02T03:04:05.000Z';
const error: Finding = { host: null, severity: 'error', what: 'image web is missing', remedy: 'publish it' };

const linesFor = (changes: Partial<UnitProgress>, asked: AskedOfUnit = 'upgrade'): readonly string[] =>
  unitVerdict({ run: 'ended', progress: makeUnit(changes) }, asked).message.split('\n');

describe('the end of a command that followed a unit’s upgrade', () => {
  it.each([
    ['succeeded', 'upgrade', exitCodes.done],
    ['succeeded', 'rollback', exitCodes.failed],
    ['succeeded', 'deleteStandby', exitCodes.done],
    ['rolledBack', 'upgrade', exitCodes.failed],
    ['rolledBack', 'rollback', exitCodes.done],
    ['rolledBack', 'deleteStandby', exitCodes.failed],
    ['failed', 'upgrade', exitCodes.failed],
    ['failed', 'rollback', exitCodes.failed],
    ['failed', 'deleteStandby', exitCodes.failed],
    ['aborted', 'upgrade', exitCodes.failed],
    ['paused', 'upgrade', exitCodes.waiting],
    ['waiting', 'rollback', exitCodes.waiting],
    ['waiting', 'deleteStandby', exitCodes.waiting],
    ['rollingBack', 'upgrade', exitCodes.done],
  ] as const)('%s after %s', (state, asked, exitCode) => {
    expect(unitVerdict({ run: 'ended', progress: makeUnit({ state }) }, asked).exitCode).toBe(exitCode);
  });

  const kept = makeUnit({ step: 'keep', active: 'green', standby: 'blue', keptUntil: BEGAN });

  it('is done once only the earlier slot is kept, and says how to go back and how to end it', () => {
    expect(unitVerdict({ run: 'live', progress: kept }, 'upgrade')).toEqual({
      exitCode: exitCodes.done,
      message: [
        'unit shop is on sample 2.0.0 by upgrade shop-1: slot green takes the requests',
        `slot blue, with the release before, is kept until ${at}`,
        'back to it with: refit unit rollback shop',
        'remove it now with: refit unit delete-standby shop',
      ].join('\n'),
    });
  });

  it('is not yet there for who asked that slot to go, or the requests to come back', () => {
    for (const asked of ['rollback', 'deleteStandby'] as const)
      expect(unitVerdict({ run: 'live', progress: kept }, asked).message).toBe(
        'upgrade shop-1 goes on (running); watch it with: refit unit watch shop',
      );
  });

  it('is only a wait while the keeping is paused', () => {
    expect(isKeeping(kept)).toBe(true);
    expect(isKeeping({ ...kept, state: 'paused' })).toBe(false);
    expect(unitVerdict({ run: 'live', progress: { ...kept, state: 'paused' } }, 'upgrade').exitCode).toBe(
      exitCodes.waiting,
    );
  });

  it('says which slot takes the requests of a success, and how long it took', () => {
    const steps = makeSteps({ preflight: done, cutover: done, delete: done });
    const finished = { state: 'succeeded', active: 'green', finishedAt: BEGAN + 200_000, steps } as const;

    expect(linesFor(finished)).toEqual([
      'upgrade shop-1 succeeded: unit shop is on sample 2.0.0: slot green takes the requests, in 3m 20s',
    ]);
    expect(linesFor(finished, 'deleteStandby')).toEqual([
      'the standby slot of unit shop is gone: slot green takes the requests',
    ]);
    expect(linesFor({ ...finished, release: null })).toEqual(linesFor(finished, 'deleteStandby'));
  });

  it('says so when there was nothing to do', () => {
    const untouched = { state: 'succeeded', steps: makeSteps({ preflight: done }) } as const;

    expect(linesFor(untouched)).toEqual([
      'nothing had to be done: unit shop is on sample 2.0.0 already: slot blue takes the requests',
    ]);
    expect(linesFor({ ...untouched, release: null }, 'deleteStandby')).toEqual([
      'nothing had to be done: unit shop has no standby slot: slot blue takes the requests',
    ]);
  });

  it('says of a way back that was asked for where the requests go', () => {
    expect(linesFor({ state: 'rolledBack' }, 'rollback')).toEqual([
      'unit shop is as it was before: slot blue takes the requests',
    ]);
  });

  it('spells out what the operator can do, also where the wait does not', () => {
    const waiting = [makeWaiting({ what: 'approval of the cutover', movedOnBy: 'refit unit approve shop' })];

    expect(linesFor({ state: 'waiting', waiting })).toEqual([
      'upgrade shop-1 waits for approval of the cutover',
      'what can be done:',
      '  refit unit approve shop',
    ]);
    expect(linesFor({ state: 'paused' })).toEqual([
      'upgrade shop-1 is paused',
      'what can be done:',
      '  refit unit resume shop',
      '  refit unit rollback shop',
      '  refit unit abort shop',
    ]);
  });

  it('names what failed, and what there is now', () => {
    const members = [makeUnitMember('host-2', 'shop-green-web-1', { state: 'failed', error: 'it exited with 1' })];
    const failure = { error: 'test smoke failed', members, jobs: [makeJob({ state: 'failed', exitCode: 1 })] };

    expect(linesFor({ state: 'failed', standby: 'green', ...failure })).toEqual([
      'upgrade shop-1 failed: test smoke failed',
      '  shop-green-web-1 on host-2 failed: it exited with 1',
      '  job smoke failed, exit code 1',
      'unit shop as it is now: slot blue takes the requests, green stands by',
    ]);
    expect(linesFor({ state: 'rolledBack', active: null, error: 'test smoke failed' })).toEqual([
      'upgrade shop-1 was rolled back: test smoke failed',
    ]);
  });

  it('is wrong input, with all findings, when preflight refused it', () => {
    const warning: Finding = { ...error, severity: 'warning', what: 'blue is not healthy', remedy: 'look at it' };
    const steps = makeSteps({ preflight: { ...done, state: 'failed' } });
    const refused = makeUnit({ state: 'failed', findings: [error, warning], steps });

    expect(unitVerdict({ run: 'ended', progress: refused }, 'upgrade')).toEqual({
      exitCode: exitCodes.wrongInput,
      message: [
        'unit shop was refused sample 2.0.0; nothing was created:',
        '  error: fleet: image web is missing; publish it',
        '  warning: fleet: blue is not healthy; look at it',
      ].join('\n'),
    });
    expect(unitVerdict({ run: 'refused', because: 'no such unit' }, 'upgrade')).toEqual({
      exitCode: exitCodes.wrongInput,
      message: 'no such unit; nothing was changed',
    });
  });

  it('is a failure when more than preflight had begun, whatever was found', () => {
    const steps = makeSteps({ preflight: done, pull: { ...done, state: 'failed' } });

    expect(
      unitVerdict({ run: 'ended', progress: makeUnit({ state: 'failed', findings: [error], steps }) }, 'upgrade'),
    ).toMatchObject({ exitCode: exitCodes.failed });
  });
});

describe('a unit that has an upgrade at work', () => {
  const running = { id: 'shop-1', release: 'sample 2.0.0' };
  const watch =
    'unit shop has an upgrade at work already: shop-1 to sample 2.0.0; watch it with: refit unit watch shop';

  it('is named with it to who starts another one', () => {
    expect(busyMessage(shop, running, makeUnit({ step: 'tests' }))).toBe(watch);
    expect(busyMessage(shop, running, null)).toBe(watch);
  });

  it('says until when it only keeps a slot, and how to end that', () => {
    const keeping = makeUnit({ step: 'keep', active: 'green', standby: 'blue', keptUntil: BEGAN });

    expect(busyMessage(shop, running, keeping)).toBe(
      `unit shop has an upgrade at work already: shop-1 to sample 2.0.0; it keeps slot blue for a way back until ${at}; remove that slot, and end it, with: refit unit delete-standby shop`,
    );
  });

  it('is wrong input also when no worker tells how far it is', async () => {
    const units = { latest: () => Promise.reject(new Unreachable('no worker')), look: () => Promise.resolve(null) };

    await expect(acceptedUnit(units, shop, { outcome: 'running', ...running })).rejects.toMatchObject({
      exitCode: exitCodes.wrongInput,
      message: watch,
    });
  });
});

describe('a unit whose upgrade is over', () => {
  it('has no way back but an upgrade to an earlier release', () => {
    expect(noWayBack(shop, { id: 'shop-1', state: 'succeeded' })).toBe(
      'upgrade shop-1 of unit shop is over (succeeded), and the slot that it came from is gone; nothing was changed; to take an earlier release: refit unit upgrade shop REFERENCE',
    );
    expect(noWayBack(shop, { id: 'shop-1', state: 'rolledBack' })).not.toContain('is gone');
  });
});
