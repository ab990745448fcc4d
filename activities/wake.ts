import type { Clock } from '../model/ports.ts';

/** Wakes one waiter when something may have changed. A ring while nobody waits is kept for the next wait. */
export class Wake {
  #isRung = false;
  #onRing: (() => void) | null = null;

  readonly ring = (): void => {
    this.#isRung = true;
    this.#onRing?.();
  };

  /** Until the next ring, until the signal fires, or for so long; ms. */
  async wait(ms: number, { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal }): Promise<void> {
    const rung = new AbortController();
    const end = (): void => rung.abort();
    this.#onRing = end;
    // Not AbortSignal.any: an activity waits thousands of times on the same signal.
    signal.addEventListener('abort', end, { once: true });
    if (!this.#isRung && !signal.aborted) await clock.sleep(ms, rung.signal);
    signal.removeEventListener('abort', end);
    this.#onRing = null;
    this.#isRung = false;
  }
}
