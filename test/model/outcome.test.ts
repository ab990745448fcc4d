import { describe, expect, it } from 'vitest';
import type { Report } from '../../model/bus.ts';
import { parseHostId, parseStepId, parseUpgradeId } from '../../model/ids.ts';
import { BUSY, MAX_ERROR_LENGTH, readOutcome, unansweredOutcome, type SentOrder } from '../../model/outcome.ts';
import { digestOf, releaseRef } from '../fakes/release.ts';

const order: SentOrder = {
  ...{ host: parseHostId('host-1'), release: releaseRef(), from: '1.0.0' },
  ...{ epoch: 3, sequence: 7, action: 'install' },
};
const there = { name: 'sample', version: '2.0.0', digest: releaseRef().digest };
const before = { name: 'sample', version: '1.0.0', digest: digestOf('a') };

const report = (changes: Partial<Report>): Report => ({
  ...{ v: 1, upgrade: parseUpgradeId('lab-1'), epoch: 3, sequence: 7, action: 'install', phase: 'done' },
  ...{ refused: null, step: null, error: null, bootId: 'b', agent: 'a', installed: there, measured: {}, probe: null },
  ...{ startedAt: 10, finishedAt: 20, changedAt: 20 },
  ...changes,
});

const failure = (kind: 'failed' | 'unhealthy' | 'deadline'): Partial<Report> => ({
  ...{ phase: 'reverted', installed: before },
  error: { step: parseStepId('files'), kind, message: 'no room' },
});

describe('how an order ended', () => {
  const cases: readonly [title: string, action: SentOrder['action'], changes: Partial<Report>, state: string | null][] =
    [
      ['done on the release', 'install', {}, 'done'],
      ['done on another release', 'install', { installed: before }, 'failed'],
      ['reverted, a step failed', 'install', failure('failed'), 'reverted'],
      ['reverted, past its deadline', 'install', failure('deadline'), 'reverted'],
      ['reverted, unhealthy', 'install', failure('unhealthy'), 'unhealthy'],
      ['stuck', 'install', { phase: 'stuck' }, 'stuck'],
      ['at work', 'install', { phase: 'installing' }, null],
      ['waiting for its turn', 'install', { phase: 'staged' }, null],
      ['refused', 'install', { refused: 'a file differs' }, 'failed'],
      ['busy with something else', 'install', { refused: `${BUSY} with sample 1.0.0` }, null],
      ['a report of an earlier order', 'install', { sequence: 6 }, null],
      ['a report of an earlier run', 'install', { epoch: 2 }, null],
      ['members upgraded, on whatever the host is', 'service', { installed: before }, 'done'],
      ['members put back, a new one failed', 'service', failure('failed'), 'reverted'],
      ['members put back, a new one was unhealthy', 'service', failure('unhealthy'), 'unhealthy'],
      ['members that are stuck', 'service', { phase: 'stuck' }, 'stuck'],
      ['members that were refused', 'service', { refused: 'is not on that release' }, 'failed'],
      ['a way back that arrived', 'revert', { phase: 'reverted', installed: before }, 'rolledBack'],
      ['a way back that is stuck', 'revert', { phase: 'stuck' }, 'stuck'],
      ['a way back that was refused', 'revert', { refused: 'that was followed by sample 3.0.0' }, 'stuck'],
      ['a way back that ends done', 'revert', { phase: 'done' }, 'stuck'],
    ];

  it.each(cases)('%s (%s): %o is %s', (...[, action, changes, state]) => {
    expect(readOutcome({ ...order, action }, report(changes))?.state ?? null).toBe(state);
  });

  it('no report is no end', () => {
    expect(readOutcome(order, null)).toBeNull();
  });

  it('says the step, the error, the versions and the times by the host', () => {
    expect(readOutcome(order, report(failure('failed')))).toEqual({
      ...{ host: 'host-1', state: 'reverted', from: '1.0.0', to: '1.0.0', step: 'files', error: 'no room' },
      ...{ startedAt: 10, finishedAt: 20 },
    });
  });

  it('keeps an error short enough for a hundred of them in one payload', () => {
    const error = 'x'.repeat(5_000);

    expect(readOutcome(order, report({ refused: error }))?.error).toHaveLength(MAX_ERROR_LENGTH);
    expect(unansweredOutcome(order, 'lost', error).error).toHaveLength(MAX_ERROR_LENGTH);
  });
});
