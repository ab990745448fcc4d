import { pause } from '../../drivers/pause.ts';
import type { EngineDaemon, RunningContainer } from '../../model/engine.ts';

/** How long containers may take to be there again by themselves, before they are started; ms. */
const BY_ITSELF_MS = 1_000;
const LOOK_MS = 250;

export type Missing = { readonly what: string; readonly containers: readonly RunningContainer[] };

/** What ran before and does not now; null: nothing. */
export async function findMissing(
  daemon: EngineDaemon,
  earlier: readonly RunningContainer[],
  signal: AbortSignal,
): Promise<Missing | null> {
  try {
    const running = new Set((await daemon.running(signal)).map(({ id }) => id));
    const gone = earlier.filter(({ id }) => !running.has(id));
    const containers = gone.length === 0 ? [] : await withoutEnded(daemon, gone, signal);
    if (containers.length === 0) return null;
    return { what: `containers did not run again: ${containers.map(({ name }) => name).join(', ')}`, containers };
  } catch (error) {
    signal.throwIfAborted();
    return { what: `the engine did not answer (${messageOf(error)})`, containers: [] };
  }
}

/**
 * A job that came to its end while the engine was away is not begun again. Where the engine takes its containers along when
 * it stops, they end as well as those do, and all count.
 */
async function withoutEnded(
  daemon: EngineDaemon,
  containers: readonly RunningContainer[],
  signal: AbortSignal,
): Promise<readonly RunningContainer[]> {
  if (!(await daemon.about(signal)).isLiveRestore) return containers;
  const ended = await Promise.all(containers.map(({ id }) => daemon.hasEnded(id, signal)));
  return containers.filter((_, index) => ended[index] !== true);
}

/** Waits until the engine answers and runs them all; those that do not come by themselves are started. */
export async function awaitContainers(
  daemon: EngineDaemon,
  earlier: readonly RunningContainer[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    const missing = await findMissing(daemon, earlier, signal);
    if (missing === null) return;
    const tookMs = performance.now() - startedAt;
    if (tookMs >= timeoutMs) throw new Error(`${missing.what} within ${Math.round(timeoutMs / 1_000)} s`);
    // One that can't be started is told by its name once the time is over.
    if (tookMs >= BY_ITSELF_MS) {
      await Promise.allSettled(missing.containers.map(({ id }) => daemon.startContainer(id, signal)));
    }
    await pause(LOOK_MS, signal);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
