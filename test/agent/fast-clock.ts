import { pause } from '../../drivers/pause.ts';
import type { Clock } from '../../model/ports.ts';

/** A clock that goes `times` as fast: bounds of minutes are met in a test. */
export function fastClock(times: number): Clock {
  const startedAt = Date.now();
  return {
    now: () => startedAt + (Date.now() - startedAt) * times,
    sleep: (ms, signal) => pause(ms / times, signal ?? new AbortController().signal),
  };
}
