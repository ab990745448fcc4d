/** Resolves after the time, or at once when the signal fires; leaves no timer behind. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

/** Waits longer after each failure in a row, with jitter, so that a fleet of clients does not return in step. */
export function backoffMs(failures: number, firstMs: number, longestMs: number): number {
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(failures, MAX_DOUBLINGS));
  return full / 2 + Math.random() * (full / 2);
}

/** Enough for any bound, and far from overflow. */
const MAX_DOUBLINGS = 16;
