import { isAtWork } from './agent-phase.ts';
import { unreachable } from './assert.ts';
import type { Report } from './bus.ts';
import { isTrialStepId } from './ids.ts';

/**
 * When does a host that says nothing count as lost?
 *
 * 1. Silence counts only while somebody listened: from the last sign of life, from the first read of a bus that was away,
 *    or from the first look after a gap (a suspended worker), whichever is latest. A bus that is away for the whole of an
 *    install makes nobody lost.
 * 2. A sign of life is the lease-bound alive key, or a changed report.
 * 3. No sign of life for `silenceMs`: `silent`, whatever the host was doing, unless it restarts, which is silent by nature.
 *    A restart on the way forward gets REBOOT_MS, though never beyond the host's deadline; on the way back, which has no
 *    deadline, REBOOT_MS. A kernel on trial gets all the time to its deadline, and REBOOT_MS at least: unconfirmed, the host
 *    stays silent as long as the release says, and restarts once more by itself.
 * 4. The agent keeps the order's deadline by itself, and says so. One that lives, but is past the deadline and changed
 *    nothing for `silenceMs`, is `overdue`: alive and not at it any more.
 */
export function judgeSilence(watch: SilenceWatch, limits: SilenceLimits): 'waiting' | 'silent' | 'overdue' {
  if (watch.listeningSince === null) return 'waiting';
  const deadlineAt = watch.startedAt + limits.deadlineMs;
  const quietMs = watch.lookedAt - Math.max(watch.lastSignAt, watch.listeningSince);
  const graceMs = graceOf(watch.restart, deadlineAt - watch.lastSignAt);
  if (quietMs > Math.max(limits.silenceMs, graceMs)) return 'silent';
  const unchangedMs = watch.lookedAt - Math.max(watch.lastChangeAt, watch.listeningSince);
  const lives = quietMs <= limits.silenceMs;
  return lives && watch.lookedAt > deadlineAt && unchangedMs > limits.silenceMs ? 'overdue' : 'waiting';
}

function graceOf(restart: Restart, untilDeadlineMs: number): number {
  switch (restart) {
    case 'none':
      return 0;
    case 'forward':
      return Math.min(REBOOT_MS, untilDeadlineMs);
    case 'trial':
      return Math.max(REBOOT_MS, untilDeadlineMs);
    case 'back':
      return REBOOT_MS;
    default:
      return unreachable(restart);
  }
}

/** forward: a step's · trial: into a kernel that is not confirmed yet, or out of it at any time · back: into what was before. */
export type Restart = 'none' | 'forward' | 'trial' | 'back';

/** The restart that a host is in, or may be in at any moment, by its last report. */
export function restartOf({ phase, step, error, action }: RestartReport): Restart {
  if (error !== null || action === 'revert') return phase === 'rebooting' ? 'back' : 'none';
  if (isAtWork(phase) && step !== null && isTrialStepId(step.id)) return 'trial';
  return phase === 'rebooting' ? 'forward' : 'none';
}

type RestartReport = Pick<Report, 'phase' | 'step' | 'error' | 'action'>;

/** Longest a host may take to come back from a reboot; ms. A server's firmware alone needs minutes. */
export const REBOOT_MS = 10 * 60_000;

/** Longest time between two looks that still counts as listening without a break; ms. Three looks of the slowest kind. */
export const LISTENING_GAP_MS = 15_000;

export type SilenceLimits = { readonly silenceMs: number; readonly deadlineMs: number };

/** What was seen of one host. All times by the clock of the one who looks; ms since the epoch. */
export type SilenceWatch = {
  /** When the host got its order, or its turn. */
  readonly startedAt: number;
  /** Since when the bus answered at every look; null: it did not at the last one. */
  readonly listeningSince: number | null;
  readonly lookedAt: number;
  readonly lastSignAt: number;
  readonly lastChangeAt: number;
  readonly reportRevision: string | null;
  readonly restart: Restart;
};

/** One look at the bus. */
export type Look =
  | { readonly at: number; readonly reachable: false }
  | {
      readonly at: number;
      readonly reachable: true;
      readonly alive: boolean;
      readonly reportRevision: string | null;
      /** In the order in question; none, too, while the agent has not spoken of it yet. */
      readonly restart: Restart;
    };

export const startSilenceWatch = (at: number): SilenceWatch => ({
  startedAt: at,
  listeningSince: null,
  lookedAt: at,
  lastSignAt: at,
  lastChangeAt: at,
  reportRevision: null,
  restart: 'none',
});

export function look(watch: SilenceWatch, seen: Look): SilenceWatch {
  if (!seen.reachable) return { ...watch, lookedAt: seen.at, listeningSince: null };
  const isChanged = seen.reportRevision !== watch.reportRevision;
  const hasGap = seen.at - watch.lookedAt > LISTENING_GAP_MS;
  return {
    startedAt: watch.startedAt,
    listeningSince: watch.listeningSince === null || hasGap ? seen.at : watch.listeningSince,
    lookedAt: seen.at,
    lastSignAt: seen.alive || isChanged ? seen.at : watch.lastSignAt,
    lastChangeAt: isChanged ? seen.at : watch.lastChangeAt,
    reportRevision: seen.reportRevision,
    restart: seen.restart,
  };
}
