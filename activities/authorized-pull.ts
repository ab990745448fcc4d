import type { Engine, ImagePull, PullOutcome } from '../model/engine.ts';
import type { Ports } from './ports.ts';

/** Pulls with the credentials of the image's registry; they are read for this pull, and not kept. */
export async function pullAuthorized(
  ports: Pick<Ports, 'registryAuth'>,
  engine: Engine,
  pull: Omit<ImagePull, 'registryAuth'>,
): Promise<PullOutcome> {
  const auth = await ports.registryAuth(pull.reference);
  return engine.pullImage({ ...pull, ...(auth !== null && { registryAuth: auth }) });
}
