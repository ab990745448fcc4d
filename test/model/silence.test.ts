import { describe, expect, it } from 'vitest';
import type { Report } from '../../model/bus.ts';
import { parseStepId } from '../../model/ids.ts';
import {
  judgeSilence,
  LISTENING_GAP_MS,
  look,
  REBOOT_MS,
  restartOf,
  startSilenceWatch,
  type Look,
  type Restart,
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
    ...{ alive: false, reportRevision: null, restart: 'none' as const },
    ...seen,
  }));

const away = (from: number, to: number): readonly Look[] =>
  looks(from, to).map(({ at }) => ({ at, reachable: false as const }));

const judge = (...parts: readonly (readonly Look[])[]): string =>
  judgeSilence(
    parts.flat().reduce((watch, one) => look(watch, one), startSilenceWatch(START)),
    limits,
  );

/** Alive until `from`, silent from then on; seconds after the start. */
const restarting = (restart: Restart, from: number, to: number): readonly (readonly Look[])[] => [
  looks(0, from, { reportRevision: '7', restart, alive: true }),
  looks(from, to, { reportRevision: '7', restart }),
];

const installing: Seen = { reportRevision: '7' };

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
        looks(0, 10, { reportRevision: '7', restart: 'forward', alive: true }),
        looks(10, 300, { reportRevision: '7', restart: 'forward' }),
      ],
    ],
    [
      'rebooting for ever',
      'silent',
      [
        looks(0, 10, { reportRevision: '7', restart: 'forward', alive: true }),
        looks(10, 30 + REBOOT_MS / 1000, { reportRevision: '7', restart: 'forward' }),
      ],
    ],
    ['restarting longer than it may, with its deadline far away', 'silent', restarting('forward', 10, 620)],
    ['restarting shortly before its deadline', 'silent', restarting('forward', 1790, 1900)],
    ['restarting on its way back after its deadline', 'waiting', restarting('back', 1790, 2300)],
    ['restarting on its way back for ever', 'silent', restarting('back', 1790, 2400)],
    ['on trial, silent as long as nobody confirms', 'waiting', restarting('trial', 10, 1790)],
    ['on trial, beyond its deadline', 'silent', restarting('trial', 10, 1820)],
    ['on trial shortly before its deadline', 'waiting', restarting('trial', 1790, 2380)],
    ['alive and idle before its deadline', 'waiting', [looks(0, 1700, { ...installing, alive: true })]],
    ['alive, past its deadline, no change', 'overdue', [looks(0, 1900, { ...installing, alive: true })]],
    [
      'alive, past its deadline, on the way back',
      'waiting',
      [looks(0, 1850, { ...installing, alive: true }), looks(1855, 1900, { reportRevision: '8', alive: true })],
    ],
    [
      'reports without a lease count as life',
      'waiting',
      Array.from({ length: 30 }, (_, index) => looks(index * 10, index * 10 + 5, { reportRevision: String(index) })),
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

describe('the restart that a report tells of', () => {
  const step = (id: string): Report['step'] => ({ id: parseStepId(id), index: 1, count: 3, attempt: 1 });
  const failed = { step: null, kind: 'failed', message: 'x' } as const;
  const cases: readonly [title: string, restart: Restart, report: Partial<Parameters<typeof restartOf>[0]>][] = [
    ['a host at work', 'none', { phase: 'installing', step: step('packages') }],
    ['a step’s restart', 'forward', { phase: 'rebooting', step: step('restart') }],
    ['the restart into a kernel', 'trial', { phase: 'rebooting', step: step('kernel.boot') }],
    ['a kernel that is looked at', 'trial', { phase: 'installing', step: step('kernel.confirm') }],
    ['a kernel that is installed', 'none', { phase: 'installing', step: step('kernel') }],
    ['the restart back after a failure', 'back', { phase: 'rebooting', step: step('kernel.boot'), error: failed }],
    ['the restart back that was ordered', 'back', { phase: 'rebooting', action: 'revert' }],
    ['a way back without one', 'none', { phase: 'reverting', step: step('kernel.confirm'), error: failed }],
  ];

  it.each(cases)('%s: %s', (_, restart, report) => {
    expect(restartOf({ phase: 'installing', step: null, error: null, action: 'install', ...report })).toBe(restart);
  });
});
