import { EngineError, type ContainerEngine } from '../../model/engine.ts';
import type { ContainerStep } from '../../model/release.ts';
import type { Probed } from '../ports.ts';
import { inPlaceKind, SETTLE_MS, type ContainerAim } from './in-place.ts';
import type { StepKind } from './kind.ts';

/** An infrastructure container; its image came with the download. */
export const containerKind = (engine: ContainerEngine): StepKind<ContainerStep> =>
  inPlaceKind(engine, { aimOf, probe: (step, { signal }) => probeImage(engine, step.image, signal) });

/** Whether the engine answers and has the image. */
export async function probeImage(engine: ContainerEngine, image: string, signal: AbortSignal): Promise<Probed> {
  try {
    const isThere = await engine.imagePresent(image, signal);
    return { ok: isThere, evidence: `the engine answers; ${image} is ${isThere ? 'there' : 'missing'}` };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { ok: false, evidence: error.message };
  }
}

/** What is kept includes network and restart policy: a step can't say that it leaves them alone. */
function aimOf(step: ContainerStep): ContainerAim {
  const { name, image, command, env, ports, volumes, network, restart, timeoutMs } = step;
  const isKept = step.base === 'kept';
  return {
    container: name,
    image,
    // Journals of versions before there was a base have none.
    base: isKept ? 'kept' : 'stated',
    settings: { command, env, ports, volumes, ...(isKept ? {} : { network, restart }) },
    health: { minHealthyTimeMs: SETTLE_MS, deadlineMs: timeoutMs, probe: null },
    after: isKept ? 'asBefore' : 'running',
  };
}
