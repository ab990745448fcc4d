import { describe, expect, it } from 'vitest';
import {
  judgeSilence,
  LISTENING_GAP_MS,
  look,
  REBOOT_MS,
  startSilenceWatch,
  type Look,
  type SilenceLimits,
} from '../../model/silence.ts';

const limits: SilenceLimits = { silenceMs: 90_000, deadlineMs: 30 * 60_000 };
const START = 1_000_000;
const EVERY_MS = 5_000;

type Seen = Partial<Omit<Extract<Look, { reachable: true }>, 'at' | 'reachable'>>;

/** Looks every five seconds from `from` to `to` seconds after the start. */
const looks = (from: number, to: number, seen: Seen = {}): readonly Look[] =>
  Array.from({ length: Math.floor(((to - from) * 1000) / EVERY_MS) + 1 }, (_, index) => ({
    ...{ at: START + from * 1000 + index * EVERY_MS, reachable: true as const },
    ...{ alive: false, reportRevision: null, phase: null },
    ...seen,
  }));

const away = (from: number, to: number): readonly Look[] =>
  looks(from, to).map(({ at }) => ({ at, reachable: false as const }));

const judge = (...parts: readonly (readonly Look[])[]): string =>
  judgeSilence(
    parts.flat().reduce((watch, one) => look(watch, one), startSilenceWatch(START)),
    limits,
  );

const installing: Seen = { reportRevision: '7', phase: 'installing' };

describe('when a host that says nothing counts as lost', () => {
  const cases: readonly [title: string, verdict: string, parts: readonly (readonly Look[])[]][] = [
    ['never alive, within the grace', 'waiting', [looks(0, 90)]],
    ['never alive, past the grace', 'silent', [looks(0, 100)]],
    [
      'killed at work, within the grace',
      'waiting',
      [looks(0, 10, { ...installing, alive: true }), looks(10, 95, installing)],
    ],
    [
      'killed at work, past the grace',
      'silent',
      [looks(0, 10, { ...installing, alive: true }), looks(10, 110, installing)],
    ],
    ['bus away for the whole install', 'waiting', [looks(0, 10, { ...installing, alive: true }), away(10, 3000)]],
    [
      'bus back after long, agent not yet',
      'waiting',
      [looks(0, 10, { ...installing, alive: true }), away(10, 3000), looks(3000, 3080, installing)],
    ],
    [
      'bus back after long, agent never',
      'silent',
      [looks(0, 10, { ...installing, alive: true }), away(10, 3000), looks(3000, 3100, installing)],
    ],
    [
      'rebooting longer than the grace',
      'waiting',
      [
        looks(0, 10, { reportRevision: '7', phase: 'rebooting', alive: true }),
        looks(10, 300, { reportRevision: '7', phase: 'rebooting' }),
      ],
    ],
    [
      'rebooting for ever',
      'silent',
      [
        looks(0, 10, { reportRevision: '7', phase: 'rebooting', alive: true }),
        looks(10, 30 + REBOOT_MS / 1000, { reportRevision: '7', phase: 'rebooting' }),
      ],
    ],
    ['alive and idle before its deadline', 'waiting', [looks(0, 1700, { ...installing, alive: true })]],
    ['alive, past its deadline, no change', 'overdue', [looks(0, 1900, { ...installing, alive: true })]],
    [
      'alive, past its deadline, on the way back',
      'waiting',
      [
        looks(0, 1850, { ...installing, alive: true }),
        looks(1855, 1900, { reportRevision: '8', phase: 'reverting', alive: true }),
      ],
    ],
    [
      'reports without a lease count as life',
      'waiting',
      Array.from({ length: 30 }, (_, index) =>
        looks(index * 10, index * 10 + 5, { reportRevision: String(index), phase: 'installing' }),
      ),
    ],
  ];

  it.each(cases)('%s: %s', (_, verdict, parts) => {
    expect(judge(...parts)).toBe(verdict);
  });

  it('a worker that slept past the grace listens anew before it judges', () => {
    const asleep: readonly Look[] = looks(0, 10, { ...installing, alive: true });
    const awake = looks(10 + (2 * LISTENING_GAP_MS + 600_000) / 1000, 700, installing);

    expect(judge(asleep, awake)).toBe('waiting');
  });
});
