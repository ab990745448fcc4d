import { z } from 'zod';
import type { ContainerEngine, RestartPolicy } from '../../model/engine.ts';
import { freshName } from '../../model/replacement.ts';
import { askPatiently, inspectPatiently } from './engine-wait.ts';
import type { StepSite } from './kind.ts';

/** Time for a container to end by itself; s. */
const STOP_SECONDS = 10;

/** The container of the name before the step. */
export const Before = z.object({
  container: z.object({ id: z.string(), running: z.boolean(), restartPolicy: z.string() }).nullable(),
});

/**
 * Brings back what `capture` noted, the same container by its id, or none. Idempotent: the engine's way back first, which
 * knows how the container was, then single moves for what is left, such as after a replacement by somebody else.
 */
export async function putBackInPlace(engine: ContainerEngine, container: string, site: StepSite): Promise<void> {
  const { signal } = site;
  const earlier = Before.parse(site.before).container;
  if (earlier !== null) {
    const way = { container, until: 'running', to: earlier.id, signal } as const;
    const outcome = await askPatiently(signal, () => engine.putBackContainer(way));
    if (outcome.outcome === 'stuck') throw new Error(outcome.reason);
  }
  const kept = earlier === null ? null : await inspectPatiently(engine, earlier.id, signal);
  // What runs now is better than nothing.
  if (earlier !== null && kept === null)
    throw new Error(`the container ${container} from before (${earlier.id.slice(0, 12)}) is gone`);
  await removeNew(engine, container, { id: earlier?.id ?? null, signal });
  if (earlier === null || kept === null) return;
  if (kept.name !== container) await engine.renameContainer(earlier.id, container, signal);
  if (kept.restartPolicy !== earlier.restartPolicy)
    await engine.setRestartPolicy(earlier.id, restartPolicy(earlier.restartPolicy), signal);
  if (earlier.running) await engine.startContainer(earlier.id, signal);
  else if (kept.running) await engine.stopContainer(earlier.id, { timeoutS: STOP_SECONDS, signal });
}

/** What the step created, with the volumes that were made for it. */
async function removeNew(
  engine: ContainerEngine,
  container: string,
  { id, signal }: { readonly id: string | null; readonly signal: AbortSignal },
): Promise<void> {
  const options = { force: true, signal };
  const fresh = await inspectPatiently(engine, freshName(container), signal);
  if (fresh !== null) await engine.removeContainer(fresh.id, options);
  const current = await engine.inspectContainer(container, signal);
  if (current === null || current.id === id) return;
  await engine.removeContainer(current.id, { ...options, volumes: id === null });
}

function restartPolicy(name: string): RestartPolicy {
  return name === 'always' || name === 'unless-stopped' || name === 'on-failure' ? name : 'no';
}
