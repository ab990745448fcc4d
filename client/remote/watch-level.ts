import type { z } from 'zod';
import { watch, type Watcher } from '../watch.ts';
import { followLevel } from './level.ts';
import type { Transport } from './transport.ts';

type Watched<Look> = {
  readonly transport: Transport;
  /** Of a stream of events that are looks. */
  readonly path: string;
  readonly schema: z.ZodType<Look>;
  readonly isOver: (look: Look) => boolean;
};

/** As `watch` does, but that looks come by a stream instead of being asked for. */
export async function watchLevel<Look>(
  { transport, path, schema, isOver }: Watched<Look>,
  watcher: Watcher<Look>,
  signal: AbortSignal,
): Promise<Look | null> {
  if (signal.aborted) return null;
  const level = followLevel(transport, path, schema);
  // Else a look would wait for its first word, which may never come.
  signal.addEventListener('abort', level.close, { once: true });
  try {
    return await watch({ look: level.look, isOver }, watcher, signal);
  } finally {
    signal.removeEventListener('abort', level.close);
    level.close();
  }
}
