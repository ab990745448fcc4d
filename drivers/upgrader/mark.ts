import { statSync, utimesSync, writeFileSync } from 'node:fs';

/** Renewed while the worker takes work, read by the container's health check. */
const MARK_FILE = '/tmp/refit-worker-well';
/** Between two renewals; ms. */
const RENEW_MS = 2_000;
/** A mark this old is of a worker that stands still; ms. Two busy cores hold one up for seconds. */
const STALE_MS = 20_000;

/** Renews the mark as long as `isWell` says so, until the signal. */
export function keepMark(isWell: () => boolean, signal: AbortSignal, file: string = MARK_FILE): void {
  writeFileSync(file, '');
  const timer = setInterval(() => {
    const now = new Date();
    if (isWell()) utimesSync(file, now, now);
  }, RENEW_MS);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/** null: the worker is well; else why it is taken not to be. */
export function markProblem(file: string = MARK_FILE, now: number = Date.now()): string | null {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return 'the worker has not started yet';
  const ageMs = now - found.mtimeMs;
  return ageMs <= STALE_MS ? null : `the worker has not shown itself for ${Math.round(ageMs / 1_000)} s`;
}
