import { z } from 'zod';
import { pause } from '../../drivers/pause.ts';
import type { EngineDaemon } from '../../model/engine.ts';

/** How long containers may take to be there again by themselves, before they are started; ms. */
const BY_ITSELF_MS = 1_000;
const LOOK_MS = 250;

/** What an engine ran before its upgrade; journals of before `store` and `isAutoRemove` were noted have none. */
export const EarlierContainers = z.object({
  store: z.string().optional(),
  running: z.array(
    z.object({ id: z.string(), name: z.string(), startedAt: z.string(), isAutoRemove: z.boolean().optional() }),
  ),
});
export type EarlierContainers = z.infer<typeof EarlierContainers>;
type Containers = EarlierContainers['running'];

/**
 * What is to run again. `mayBeRemoved`: the upgrade may be long ago, so that what is gone may have been removed by anybody; else
 * only what removes itself may be.
 */
export type Wanted = { readonly earlier: EarlierContainers; readonly mayBeRemoved: boolean };
export type Missing = { readonly what: string; readonly containers: Readonly<Containers> };

/** What ran before and does not now; null: nothing. */
export async function findMissing(daemon: EngineDaemon, wanted: Wanted, signal: AbortSignal): Promise<Missing | null> {
  try {
    const running = new Set((await daemon.running(signal)).map(({ id }) => id));
    const stopped = wanted.earlier.running.filter(({ id }) => !running.has(id));
    return stopped.length === 0 ? null : await findStartable(daemon, { ...wanted, stopped }, signal);
  } catch (error) {
    signal.throwIfAborted();
    return { what: `the engine did not answer (${messageOf(error)})`, containers: [] };
  }
}

/**
 * What was removed since, or removed itself when it ended, is nobody's to start; unless the engine knows none of its containers any
 * more, since it keeps them elsewhere now. A job that came to its end while the engine was away is not begun again; where the engine
 * takes its containers along when it stops, they end as well as those do, and count.
 */
async function findStartable(
  daemon: EngineDaemon,
  { earlier: { store }, mayBeRemoved, stopped }: Wanted & { readonly stopped: Containers },
  signal: AbortSignal,
): Promise<Missing | null> {
  const about = await daemon.about(signal);
  const isMoved = store !== undefined && store !== about.store;
  const ends = await Promise.all(stopped.map(({ id }) => daemon.endOf(id, signal)));
  const containers = stopped.filter(({ isAutoRemove = true }, index) => {
    if (ends[index] === 'gone') return isMoved || !(mayBeRemoved || isAutoRemove);
    return ends[index] === null || !about.isLiveRestore;
  });
  if (containers.length === 0) return null;
  const where = isMoved ? `; the engine keeps containers by ${about.store}, and kept them by ${store}` : '';
  return { what: `containers did not run again: ${containers.map(({ name }) => name).join(', ')}${where}`, containers };
}

/** Waits until the engine answers and runs them all; those that do not come by themselves are started. */
export async function awaitContainers(
  daemon: EngineDaemon,
  wanted: Wanted,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    const missing = await findMissing(daemon, wanted, signal);
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
