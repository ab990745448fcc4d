import type { Clock } from '../../model/ports.ts';

/** Why a limit's own timer ends; a reason that is made once, because a stack for each would cost more than the timer. */
const OVER = 'over';

export type Limit = {
  readonly clock: Clock;
  /** null: no limit in time. */
  readonly ms: number | null;
  /** Ends the run earlier. */
  readonly signal?: AbortSignal;
};

/** Runs with a signal that fires after the time, or with the outer signal. Leaves no timer and no listener behind. */
export async function withLimit<Result>(
  { clock, ms, signal }: Limit,
  run: (signal: AbortSignal, stop: () => void) => Promise<Result>,
): Promise<Result> {
  const limit = new AbortController();
  const over = new AbortController();
  const stop = (): void => limit.abort();
  signal?.addEventListener('abort', stop);
  if (ms !== null) {
    void clock.sleep(ms, over.signal).then(() => {
      if (!over.signal.aborted) stop();
    });
  }
  try {
    return await run(limit.signal, stop);
  } finally {
    over.abort(OVER);
    signal?.removeEventListener('abort', stop);
  }
}
