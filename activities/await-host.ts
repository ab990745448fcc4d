import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { Order, Report } from '../model/bus.ts';
import { isSameOrder } from '../model/bus.ts';
import type { FleetId, HostId } from '../model/ids.ts';
import {
  judgeSilence,
  look,
  restartOf,
  startSilenceWatch,
  type SilenceLimits,
  type SilenceWatch,
} from '../model/silence.ts';
import type { HostHeartbeat } from '../model/upgrade.ts';
import { readHostLevel, type HostLevel, type HostLevels } from './host-levels.ts';
import type { Ports } from './ports.ts';
import type { Wake } from './wake.ts';

/** Time between two beats, which is also how often time-bound conditions are looked at; ms. */
const BEAT_MS = 1_000;
/** Longest time between two reads of a host that shows no life, beside the watch; ms. A lost host costs one read in so long. */
const LOOK_MS = 5_000;
/** Reads within the time after which a silent host is lost: fewer would stretch a short one. */
const LOOKS_IN_SILENCE = 3;

export type HostWait<Found> = {
  readonly fleet: FleetId;
  readonly host: HostId;
  /** The order whose report is waited for. */
  readonly order: Pick<Order, 'epoch' | 'sequence'>;
  readonly limits: SilenceLimits;
  /** Rung when something else that `judge` looks at has changed. */
  readonly wake: Wake;
  readonly position: number | null;
  /** Ends the wait with what it returns. Called at every change, and at every beat. */
  readonly judge: (level: HostLevel, now: number) => Found | null;
  /** Called with what was just read, while the agent has not spoken of the order: puts back what a wiped bus lost. */
  readonly uphold?: (level: HostLevel) => Promise<void>;
};

export type HostWaitEnd<Found> =
  | { readonly end: 'found'; readonly found: Found }
  /** See judgeSilence. */
  | { readonly end: 'silent' | 'overdue'; readonly level: HostLevel; readonly silentMs: number };

export type AwaitPorts = Pick<Ports, 'bus' | 'clock' | 'values'> & { readonly hosts: HostLevels };

/** Waits for one host, heartbeating what its agent says. Bounded by judgeSilence while the bus can be read. */
export async function awaitHost<Found>(ports: AwaitPorts, wait: HostWait<Found>): Promise<HostWaitEnd<Found>> {
  const { clock } = ports;
  const signal = cancellationSignal();
  const followed = ports.hosts.follow(wait, wait.wake.ring);
  const earlierSignAt = readEarlierSign(wait.host, activityInfo().heartbeatDetails);
  let silence = startSilenceWatch(clock.now());
  let seen: HostLevel | null = null;
  let lookedAt = clock.now();
  const lookMs = Math.min(LOOK_MS, wait.limits.silenceMs / LOOKS_IN_SILENCE);
  try {
    for (;;) {
      signal.throwIfAborted();
      const level = followed.level();
      if (level !== null && level !== seen) silence = look(silence, toLook(wait, level, clock.now()));
      seen = level ?? seen;
      const found = seen === null ? null : wait.judge(seen, clock.now());
      if (found !== null) return { end: 'found', found };
      beat(wait, seen, { silence, earlierSignAt });
      if (clock.now() - lookedAt >= lookMs && isLookNeeded(wait, seen, { silence, now: clock.now() })) {
        lookedAt = clock.now();
        const result = await lookCloser(ports, wait, silence);
        if (result.end !== null) return result.end;
        silence = result.silence;
      }
      await wait.wake.wait(BEAT_MS, { clock, signal });
    }
  } finally {
    followed.end();
  }
}

/** The watch may be stalled, or the bus away: before anybody counts as lost, the bus itself is read. */
async function lookCloser<Found>(
  ports: AwaitPorts,
  wait: HostWait<Found>,
  before: SilenceWatch,
): Promise<{ readonly end: HostWaitEnd<Found> | null; readonly silence: SilenceWatch }> {
  const { clock } = ports;
  const level = await readHostLevel(ports, wait).catch(() => null);
  if (level === null) return { end: null, silence: look(before, { at: clock.now(), reachable: false }) };
  const found = wait.judge(level, clock.now());
  if (found !== null) return { end: { end: 'found', found }, silence: before };
  if (ownReport(wait, level) === null) await wait.uphold?.(level);
  const silence = look(before, toLook(wait, level, clock.now()));
  const verdict = judgeSilence(silence, wait.limits);
  if (verdict === 'waiting') return { end: null, silence };
  return { end: { end: verdict, level, silentMs: clock.now() - silence.lastSignAt }, silence };
}

/** A host that lives, and has taken the order, and has time: the watch alone tells what is new. */
function isLookNeeded(
  wait: HostWait<unknown>,
  level: HostLevel | null,
  { silence, now }: { readonly silence: SilenceWatch; readonly now: number },
): boolean {
  if (level?.alive == null || ownReport(wait, level) === null) return true;
  return now > silence.startedAt + wait.limits.deadlineMs;
}

/** What the agent says of the order in question; null: nothing yet. */
const ownReport = ({ order }: HostWait<unknown>, { report }: HostLevel): Report | null =>
  report !== null && isSameOrder(report, order) ? report : null;

function toLook(wait: HostWait<unknown>, level: HostLevel, at: number): Parameters<typeof look>[1] {
  const { alive, reportRevision } = level;
  const report = ownReport(wait, level);
  const restart = report === null ? 'none' : restartOf(report);
  return { at, reachable: true, alive: alive !== null, reportRevision, restart };
}

/** When an attempt before this one saw a sign of life last. Field by field: a worker of another version may have said it. */
function readEarlierSign(host: HostId, details: unknown): number | null {
  if (typeof details !== 'object' || details === null) return null;
  const isOwn = 'host' in details && details.host === host;
  return isOwn && 'lastSeen' in details && typeof details.lastSeen === 'number' ? details.lastSeen : null;
}

type Signs = { readonly silence: SilenceWatch; readonly earlierSignAt: number | null };

/** null: not known. While the bus is away nobody can say that a host is silent, and this attempt's begin is no sign of life. */
function lastSeen({ silence: { listeningSince, lastSignAt, startedAt }, earlierSignAt }: Signs): number | null {
  if (listeningSince === null) return null;
  return lastSignAt > startedAt ? lastSignAt : earlierSignAt;
}

function beat(wait: HostWait<unknown>, level: HostLevel | null, signs: Signs): void {
  const report = level === null ? null : ownReport(wait, level);
  const step = report?.step ?? null;
  const beat: HostHeartbeat = {
    host: wait.host,
    phase: report?.phase ?? null,
    step: step === null ? null : `${step.id} ${step.index + 1}/${step.count}`,
    attempt: step?.attempt ?? null,
    bytes: null,
    totalBytes: null,
    alive: level?.alive != null,
    lastSeen: lastSeen(signs),
    position: wait.position,
  };
  heartbeat(beat);
}
