import { keptName } from '../../../model/replacement.ts';
import { listContainers } from '../containers.ts';
import * as change from './change.ts';
import type { Site } from './site.ts';
import { isRefusal } from './way-back.ts';

/** Removes what replacements have kept for a way back: stopped containers under the names that only those have. */
export async function discardKept(site: Site, only: string | null): Promise<number> {
  const all = await listContainers(site.connection, {}, site.signal);
  const kept = all.filter(({ id, name, running }) => name === keptName(site.container, id) && !running);
  let removed = 0;
  for (const { id } of kept.filter((one) => only === null || one.id === only)) {
    try {
      await change.remove(site, id, { volumes: false });
      removed += 1;
    } catch (error) {
      // Gone already, or being removed by another call.
      if (!isRefusal(error) || error.kind === 'refused') throw error;
    }
  }
  return removed;
}
