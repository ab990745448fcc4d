import type { ContainerWish } from '../../../model/engine.ts';
import type { EngineConnection } from '../connection.ts';
import { isSame } from './replace.ts';
import { lookAt } from './look.ts';
import { readWish } from './wish.ts';

/** What can't be said, since the image is not there or the settings contradict themselves, is different. */
export async function compareContainer(
  connection: EngineConnection,
  wish: ContainerWish,
): Promise<'same' | 'different' | 'absent'> {
  const site = { connection, container: wish.container, signal: wish.signal };
  const place = await lookAt(site, wish.container);
  if (place === null) return 'absent';
  const read = await readWish(site, wish, { look: place, restart: place.restart });
  return !('outcome' in read) && isSame(place, wish, read) ? 'same' : 'different';
}
