import type { Clock } from '../model/ports.ts';
import type { Health } from '../model/release.ts';
import { withLimit } from './core/limit.ts';

/** Longest look at all probes; ms. A busy host takes seconds to start a probe's command. */
export const LOOK_MS = 15_000;
/** One that begins late has so long all the same; ms. */
const LAST_LOOK_MS = 1_000;
/** Pause between two looks; ms. */
const PERIOD_MS = 200;

/** Who looks, and until when anybody wants to know. `look`: of each thing looked at null, as it holds, or what does not. */
export type HealthWatch = {
  readonly clock: Clock;
  readonly look: (signal: AbortSignal) => Promise<readonly (string | null)[]>;
  readonly signal: AbortSignal;
};

/** Resolves with null once all held for minHealthyTime without a break, else at the deadline with what did not, for people. */
export async function becomeHealthy(
  { minHealthyTimeMs, deadlineMs }: Pick<Health, 'minHealthyTimeMs' | 'deadlineMs'>,
  { clock, look, signal }: HealthWatch,
): Promise<string | null> {
  const startedAt = clock.now();
  let healthySince: number | null = null;
  for (;;) {
    const ms = Math.min(LOOK_MS, Math.max(LAST_LOOK_MS, startedAt + deadlineMs - clock.now()));
    const looks = await withLimit({ clock, ms, signal }, look);
    const problem = looks.find((one) => one !== null) ?? null;
    signal.throwIfAborted();
    const now = clock.now();
    healthySince = problem === null ? (healthySince ?? now) : null;
    const heldMs = now - (healthySince ?? now);
    if (healthySince !== null && heldMs >= minHealthyTimeMs) return null;
    if (now - startedAt >= deadlineMs) {
      const seconds = Math.round(deadlineMs / 1_000);
      return `not healthy within ${seconds} s: ${problem ?? `not for ${minHealthyTimeMs} ms without a break`}`;
    }
    await clock.sleep(pauseMs(minHealthyTimeMs - heldMs), signal);
  }
}

/** Not past the moment at which the probes have held long enough. */
const pauseMs = (missingMs: number): number => Math.max(1, Math.min(PERIOD_MS, missingMs));
