import { pause } from '../../pause.ts';
import type { EngineConnection } from '../connection.ts';

/** Where a replacement is done: one container's name on one engine. */
export type Site = {
  readonly connection: EngineConnection;
  readonly container: string;
  readonly signal: AbortSignal | undefined;
};

/** Longest that a question takes which changes nothing; ms. */
export const ASK_MS = 10_000;

/** Throws the signal's reason when it fires meanwhile. */
export async function rest({ signal }: Site, ms: number): Promise<void> {
  await pause(ms, signal ?? new AbortController().signal);
  signal?.throwIfAborted();
}
