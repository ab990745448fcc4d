import { z } from 'zod';
import type { ContainerEngine, ContainerState, RestartPolicy } from '../../model/engine.ts';
import { freshName, memoryLabels } from '../../model/replacement.ts';
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
  const current = await inspectPatiently(engine, container, signal);
  if (earlier !== null && current?.id !== earlier.id)
    await goBack(engine, { container, id: earlier.id, current }, site);
  await removeNew(engine, container, { id: earlier?.id ?? null, signal });
  if (earlier === null) return;
  const kept = await engine.inspectContainer(earlier.id, signal);
  if (kept === null) throw new Error(`the container ${container} from before (${earlier.id.slice(0, 12)}) is gone`);
  if (kept.name !== container) await engine.renameContainer(earlier.id, container, signal);
  if (kept.restartPolicy !== earlier.restartPolicy)
    await engine.setRestartPolicy(earlier.id, restartPolicy(earlier.restartPolicy), signal);
  if (earlier.running) await engine.startContainer(earlier.id, signal);
  else if (kept.running) await engine.stopContainer(earlier.id, { timeoutS: STOP_SECONDS, signal });
}

type Way = { readonly container: string; readonly id: string; readonly current: ContainerState | null };

/** Only where the replacement at hand is the one to undo: another's would be taken back instead. */
async function goBack(engine: ContainerEngine, { container, id, current }: Way, { signal }: StepSite): Promise<void> {
  const fresh = await engine.inspectContainer(freshName(container), signal);
  const isAtHand = [current, fresh].some((one) => one?.labels[memoryLabels.replaces] === id);
  if (!isAtHand) return;
  const outcome = await askPatiently(signal, () => engine.putBackContainer({ container, until: 'running', signal }));
  if (outcome.outcome === 'stuck') throw new Error(outcome.reason);
}

/** What the step created, with the volumes that were made for it. */
async function removeNew(
  engine: ContainerEngine,
  container: string,
  { id, signal }: { readonly id: string | null; readonly signal: AbortSignal },
): Promise<void> {
  const options = { force: true, signal };
  const fresh = await engine.inspectContainer(freshName(container), signal);
  if (fresh !== null) await engine.removeContainer(fresh.id, options);
  const current = await engine.inspectContainer(container, signal);
  if (current === null || current.id === id) return;
  await engine.removeContainer(current.id, { ...options, volumes: id === null });
}

function restartPolicy(name: string): RestartPolicy {
  return name === 'always' || name === 'unless-stopped' || name === 'on-failure' ? name : 'no';
}
