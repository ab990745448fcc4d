import { RegistryError } from '../model/registry.ts';
import { WrongInput } from './fleet-client.ts';
import { Unreachable } from './unreachable.ts';

/** A registry's no is wrong input in the field that named the image; none of its answers has changed anything. */
export async function askRegistry<Result>(field: string, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const message = `${error.message}; nothing was changed`;
    if (error.kind === 'unreachable') throw new Unreachable(message, { cause: error });
    throw new WrongInput(field, message, { cause: error });
  }
}
