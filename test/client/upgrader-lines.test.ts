import { expect, test } from 'vitest';
import { upgraderLines } from '../../client/cli/upgrader-lines.ts';
import { parseHostId } from '../../model/ids.ts';

test('every container of the upgrader has a line, and every version that Temporal knows', () => {
  const container = { role: 'worker', build: '0123456789ab', state: 'running', health: 'healthy' } as const;

  const lines = upgraderLines({
    current: '0123456789ab',
    versions: [
      { build: '0123456789ab', isCurrent: true, openRuns: 2, workers: ['host-2/refit-worker-0123456789ab'] },
      { build: 'ffffffffffff', isCurrent: false, openRuns: 0, workers: [] },
    ],
    hosts: [
      { host: parseHostId('host-2'), containers: [{ ...container, name: 'refit-worker-0123456789ab' }], problem: null },
      { host: parseHostId('host-3'), containers: [], problem: null },
      { host: parseHostId('host-4'), containers: [], problem: 'engine of host-4 did not answer' },
    ],
  });

  expect(lines.join('\n').split('\n')).toEqual([
    'HOST    CONTAINER                        BUILD         STATE    HEALTH',
    'host-2  refit-worker-0123456789ab        0123456789ab  running  healthy',
    'host-3  none',
    'host-4  engine of host-4 did not answer',
    '',
    'BUILD         CURRENT  OPEN RUNS  WORKERS',
    '0123456789ab  current  2          host-2/refit-worker-0123456789ab',
    'ffffffffffff           0          none',
  ]);
});

test('a fleet without either is told how to get them', () => {
  const text = upgraderLines({ current: null, versions: [], hosts: [] }).join('\n');

  expect(text).toContain('carries: { upgrader: true }');
  expect(text).toContain('workers from the sources have none');
});
