import { describe, expect, it } from 'vitest';
import { foundDocument, progressDocument } from '../../client/cli/progress-document.ts';
import { historyText, listText, showText } from '../../client/cli/upgrades.ts';
import type { FoundUpgrade } from '../../client/find-upgrade.ts';
import { parseHostId } from '../../model/ids.ts';
import { BEGAN, makeDecision, makeHost, makeProgress, makeWaiting } from './progress.ts';

const found: FoundUpgrade = {
  id: 'lab-7',
  runId: 'run',
  isRunning: false,
  release: 'sample 2.0.0',
  state: 'succeeded',
  phase: 'end',
  requestedBy: 'ada@desk',
  startedAt: BEGAN,
  finishedAt: BEGAN + 61_000,
};

describe('upgrades for people', () => {
  it('are a table, the latest first as given', () => {
    expect(listText([found, { ...found, id: 'lab-6', finishedAt: null, state: 'running' }]).split('\n')).toEqual([
      'UPGRADE  RELEASE       STATE      PHASE  BEGAN                TOOK   BY',
      'lab-7    sample 2.0.0  succeeded  end    2026-01-02 03:04:05  1m 1s  ada@desk',
      'lab-6    sample 2.0.0  running    end    2026-01-02 03:04:05         ada@desk',
    ]);
  });

  it('show an error that no wait tells, and findings', () => {
    const findings = [{ host: parseHostId('host-1'), severity: 'error', what: 'disk', remedy: 'room' }] as const;
    const text = showText(makeProgress({ error: 'fenced', findings }), BEGAN);

    expect(text).toContain('error: fenced');
    expect(text).toContain('error: host-1: disk; room');
  });

  it('don’t say the same failure twice', () => {
    const text = showText(
      makeProgress({ error: 'boom', waiting: [makeWaiting({ what: 'the operator: boom' })] }),
      BEGAN,
    );

    expect(text.match(/boom/g)).toHaveLength(1);
  });

  it('have a history of decisions with rule, reason and person, and the hosts’ ends', () => {
    const progress = makeProgress({
      state: 'succeeded',
      finishedAt: BEGAN + 60_000,
      decisions: [makeDecision({ at: BEGAN + 1_000 })],
      hosts: [makeHost('host-1', { state: 'done', to: '2.0.0' })],
    });

    expect(historyText(progress).split('\n')).toEqual([
      '2026-01-02 03:04:05  upgrade lab-7 to sample 2.0.0 began',
      '2026-01-02 03:04:06  ada@desk: pause (operator: lunch)',
      '2026-01-02 03:05:05  succeeded',
      'hosts:',
      '  host-1 done 1.0.0 → 2.0.0',
    ]);
  });
});

describe('upgrades for programs', () => {
  it('have every time as ISO 8601 and every other field as the model has it', () => {
    const progress = makeProgress({
      hosts: [makeHost('host-1', { startedAt: BEGAN, error: 'x' })],
      waiting: [makeWaiting()],
      decisions: [makeDecision()],
    });

    expect(progressDocument(progress)).toEqual({
      ...progress,
      startedAt: '2026-01-02T03:04:05.000Z',
      hosts: [{ ...progress.hosts[0], startedAt: '2026-01-02T03:04:05.000Z' }],
      waiting: [{ ...progress.waiting[0], since: '2026-01-02T03:04:05.000Z' }],
      decisions: [{ ...progress.decisions[0], at: '2026-01-02T03:04:05.000Z' }],
    });
  });

  it('are listed without what only Temporal needs', () => {
    expect(foundDocument(found)).toEqual({
      id: 'lab-7',
      release: 'sample 2.0.0',
      state: 'succeeded',
      phase: 'end',
      requestedBy: 'ada@desk',
      startedAt: '2026-01-02T03:04:05.000Z',
      finishedAt: '2026-01-02T03:05:06.000Z',
    });
  });
});
