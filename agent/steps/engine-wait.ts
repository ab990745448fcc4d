import { EngineError, type ContainerEngine, type ContainerState } from '../../model/engine.ts';
import { pause } from '../../drivers/pause.ts';

/** How long an engine that does not answer is waited for: an earlier step may have restarted it; ms. */
const ENGINE_WAIT_MS = 60_000;
const ENGINE_RETRY_MS = 500;
const MAX_ATTEMPTS = ENGINE_WAIT_MS / ENGINE_RETRY_MS;

/** Asks again while the engine is away for a moment, as after its own upgrade. `call` goes on where it was cut off. */
export async function askPatiently<Answer>(signal: AbortSignal, call: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const isAway = error instanceof EngineError && error.kind === 'unreachable';
      if (!isAway || attempt >= MAX_ATTEMPTS) throw error;
      await pause(ENGINE_RETRY_MS, signal);
      signal.throwIfAborted();
    }
  }
}

export const inspectPatiently = (
  engine: ContainerEngine,
  container: string,
  signal: AbortSignal,
): Promise<ContainerState | null> => askPatiently(signal, () => engine.inspectContainer(container, signal));
