import type { EngineConnection } from './connection.ts';
import { timeOf } from './age.ts';
import { readJsonLines } from './json-lines.ts';
import { ASK_MS } from './replacement/site.ts';

/** Events are asked for in seconds and parts of them. */
const MS_PER_S = 1_000;
const MS_DIGITS = 3;

type Remembered = { readonly id: string; readonly signal: AbortSignal | undefined };

/**
 * Whether this run of the engine created the container. Its events say so: they are in its memory only, the last few
 * hundred of them. An engine that is killed while it starts a container may not know afterwards that it did: the process
 * runs, and the container shows as created.
 */
export async function hasCreated(connection: EngineConnection, { id, signal }: Remembered): Promise<boolean> {
  const filters = JSON.stringify({ container: [id], event: ['create'] });
  // Up to now by its own clock: later, and the engine waits for what comes until then.
  const untilMs = await timeOf({ connection, signal });
  const query = { since: '0', until: (untilMs / MS_PER_S).toFixed(MS_DIGITS), filters };
  const request = { what: `read the events of ${id}`, method: 'GET', path: '/events', query } as const;
  const body = await connection.open({ ...request, withinMs: ASK_MS, signal });
  const timer = setTimeout(() => body.destroy(), ASK_MS);
  try {
    for await (const _event of readJsonLines(body)) return true;
    return false;
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}
