import { Unreachable } from './unreachable.ts';

/** Pause between two looks at what runs; ms. Short enough that a line a host looks alive. */
export const WATCH_INTERVAL_MS = 300;

export interface Watcher<Look> {
  /** `stop` ends the watch; what is watched goes on. */
  onProgress(look: Look): 'go on' | 'stop';
  /** Temporal or the worker can't be reached; the watch goes on trying. */
  onTrouble(message: string, since: number): void;
}

/** `look` null: there is nothing of that name any more. */
export type Watched<Look> = { readonly look: () => Promise<Look | null>; readonly isOver: (look: Look) => boolean };

/** Calls back with every look until it is over, the watcher says stop, or the signal fires; gives the last look. */
export async function watch<Look>(
  { look, isOver }: Watched<Look>,
  watcher: Watcher<Look>,
  signal: AbortSignal,
): Promise<Look | null> {
  let last: Look | null = null;
  let troubleSince: number | null = null;
  // Bounded by the operator alone: an upgrade may take days.
  while (!signal.aborted) {
    try {
      const seen = await look();
      troubleSince = null;
      if (seen === null) return last;
      last = seen;
      if (watcher.onProgress(seen) === 'stop' || isOver(seen)) return seen;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      troubleSince ??= Date.now();
      watcher.onTrouble(error.message, troubleSince);
    }
    await pause(WATCH_INTERVAL_MS, signal);
  }
  return last;
}

export function pause(ms: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
