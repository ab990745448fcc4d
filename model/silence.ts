import type { AgentPhase } from './agent-phase.ts';

/**
 * When does a host that says nothing count as lost?
 *
 * 1. Silence counts only while somebody listened: from the last sign of life, from the first read of a bus that was away,
 *    or from the first look after a gap (a suspended worker), whichever is latest. A bus that is away for the whole of an
 *    install makes nobody lost.
 * 2. A sign of life is the lease-bound alive key, or a changed report.
 * 3. No sign of life for `silenceMs`: `silent`, whatever the host was doing. A rebooting host gets REBOOT_MS, since that is
 *    silent by nature, though never beyond its deadline.
 * 4. The agent keeps the order's deadline by itself, and says so. One that lives, but is past the deadline and changed
 *    nothing for `silenceMs`, is `overdue`: alive and not at it any more.
 */
export function judgeSilence(watch: SilenceWatch, limits: SilenceLimits): 'waiting' | 'silent' | 'overdue' {
  if (watch.listeningSince === null) return 'waiting';
  const deadlineAt = watch.startedAt + limits.deadlineMs;
  const quietMs = watch.lookedAt - Math.max(watch.lastSignAt, watch.listeningSince);
  const beforeDeadline = Math.max(limits.silenceMs, Math.min(REBOOT_MS, deadlineAt - watch.lastSignAt));
  if (quietMs > (watch.phase === 'rebooting' ? beforeDeadline : limits.silenceMs)) return 'silent';
  const unchangedMs = watch.lookedAt - Math.max(watch.lastChangeAt, watch.listeningSince);
  return watch.lookedAt > deadlineAt && unchangedMs > limits.silenceMs ? 'overdue' : 'waiting';
}

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
  readonly phase: AgentPhase | null;
};

/** One look at the bus. */
export type Look =
  | { readonly at: number; readonly reachable: false }
  | {
      readonly at: number;
      readonly reachable: true;
      readonly alive: boolean;
      readonly reportRevision: string | null;
      /** Of the order in question; null when the agent has not spoken of it yet. */
      readonly phase: AgentPhase | null;
    };

export const startSilenceWatch = (at: number): SilenceWatch => ({
  startedAt: at,
  listeningSince: null,
  lookedAt: at,
  lastSignAt: at,
  lastChangeAt: at,
  reportRevision: null,
  phase: null,
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
    phase: seen.phase,
  };
}
