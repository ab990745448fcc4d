import type { PutBack, PutBackOutcome } from '../../../model/replacement.ts';
import type { EngineConnection } from '../connection.ts';
import { memoryOf } from './look.ts';
import { isDead, lookAround, type Pair, type Scene } from './scene.ts';
import type { Site } from './site.ts';
import { goBack } from './way-back.ts';

/**
 * The way back after the end of a replacement, or from wherever one has ended half-way.
 *
 * 1. One step back a call. A replacement that ended half-way is that step, even if an older container is kept as well.
 * 2. With `to`, the same call again does not go one step further: the container of that id is in place already.
 */
export async function putBackContainer(connection: EngineConnection, way: PutBack): Promise<PutBackOutcome> {
  const site = { connection, container: way.container, signal: way.signal };
  const scene = await lookAround(site);
  switch (scene.scene) {
    case 'unclear':
      return { outcome: 'stuck', reason: scene.reason };
    case 'absent':
      return nothingKept(site, 'it is not there');
    case 'settled':
      if (way.to !== undefined && scene.place.id === way.to)
        return { outcome: 'putBack', id: scene.place.id, imageId: scene.place.imageId };
      return scene.kept === null ? nothingKept(site, whyNothing(scene)) : putBack(site, way, scene.kept);
    case 'halfway':
      if (scene.inPlace !== null && scene.pair.old === null && isDead(scene.pair, scene.inPlace))
        return nothingKept(site, whyNothing({ scene: 'settled', place: scene.inPlace, kept: null }));
      return putBack(site, way, scene.pair);
  }
}

async function putBack(site: Site, { until, to }: PutBack, pair: Pair): Promise<PutBackOutcome> {
  const { old } = pair;
  if (to !== undefined && old?.id !== to)
    return nothingKept(site, `${to.slice(0, 12)} is not what its last upgrade replaced`);
  const back = await goBack(site, pair, { until });
  if (back.outcome === 'stuck') return { outcome: 'stuck', reason: back.reason };
  if (old === null) return nothingKept(site, 'there was none before its upgrade, and what that had created is removed');
  return back.outcome === 'stopped' ? { outcome: 'stopped' } : { outcome: 'putBack', id: old.id, imageId: old.imageId };
}

function whyNothing({ place }: Extract<Scene, { readonly scene: 'settled' }>): string {
  const memory = memoryOf(place);
  if (memory === null || memory.replaces === '') return 'it is not a replacement of another container';
  return `what its last upgrade replaced (${memory.replaces.slice(0, 12)}) was not kept`;
}

const nothingKept = ({ container }: Site, why: string): PutBackOutcome => ({
  outcome: 'nothingKept',
  reason: `container ${container}: there is no way back: ${why}`,
});
