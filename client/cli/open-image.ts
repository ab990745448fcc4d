import { createRegistry } from '../../drivers/registry.ts';
import type { Fleet } from '../../model/fleet.ts';
import type { Digest } from '../../model/ids.ts';
import { RegistryError } from '../../model/registry.ts';
import { exitCodes, fail } from './exit.ts';

/** `reference`: by digest. */
export type OpenedImage = { readonly reference: string; readonly digest: Digest };

/** What the image's name means now; one that its registry doesn't have ends the command. */
export async function openImage(fleet: Fleet, image: string): Promise<OpenedImage> {
  const { repository, digest } = await askRegistry(() => createRegistry(fleet.registries).resolve(image));
  return { reference: `${repository}@${digest}`, digest };
}

/** A registry's no is wrong input; none of its answers has changed anything. */
export async function askRegistry<Result>(ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const exitCode = error.kind === 'unreachable' ? exitCodes.unreachable : exitCodes.wrongInput;
    fail(exitCode, `${error.message}; nothing was changed`, { cause: error });
  }
}
