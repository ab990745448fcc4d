import { unreachable } from '../../../model/assert.ts';
import type { Move } from '../../../model/replacement-move.ts';
import type { ReplacementStage } from '../../../model/replacement.ts';
import * as change from './change.ts';
import { lookAt, nameAt } from './look.ts';
import type { Pair } from './scene.ts';
import type { Site } from './site.ts';

/**
 * How old a look may be when a change is made after it; ms. A process that was suspended meanwhile acts on nothing that it
 * saw before; far above what a busy engine takes for two questions.
 */
export const STALE_MS = 3_000;

/** Most moves of one call: a way has a dozen, some come again when an engine restarts or a look is stale. */
export const MAX_MOVES = 60;

/**
 * How often a move is tried that the engine refuses for now: a container that has just ended runs by the engine's word, and
 * its restart policy can't be set; what the new one held (a port, an address) may be free a moment later.
 */
export const MOVE_TRIES = 4;
/** Before such a move is tried again; ms. */
export const MOVE_AGAIN_MS = 200;

/** Moves on containers that are there. */
export type PlainMove = Extract<Move, { readonly move: 'rename' | 'stop' | 'setRestart' | 'start' | 'remove' }>;

export function make(site: Site, move: PlainMove, pair: Pair): Promise<unknown> {
  switch (move.move) {
    case 'rename':
      return change.rename(site, move.id, nameAt(site.container, move.id, move.to));
    case 'stop':
      return change.stop(site, move.id === pair.fresh.id ? pair.fresh : (pair.old ?? pair.fresh));
    case 'setRestart':
      return change.setRestart(site, move.id, move.restart);
    case 'start':
      return change.start(site, move.id);
    case 'remove':
      // Volumes of the new one's own that have no name go with it. Those it took over are named in it, so they stay; what
      // only the old one had stays as well: nobody else knows whether it is needed.
      return change.remove(site, move.id, { volumes: move.which === 'fresh' });
    default:
      return unreachable(move);
  }
}

/** Both at once, by id. null: the new one is gone. */
export async function lookAgain(site: Site, { fresh, old, memory }: Pair): Promise<Pair | null> {
  const [newest, previous] = await Promise.all([
    lookAt(site, fresh.id),
    old === null ? Promise.resolve(null) : lookAt(site, old.id),
  ]);
  return newest === null ? null : { fresh: newest, old: previous, memory };
}

export function stageOf(move: Exclude<Move, { readonly move: 'end' }>): Exclude<ReplacementStage['stage'], 'failed'> {
  switch (move.move) {
    case 'create':
    case 'wire':
      return 'creating';
    case 'rename':
      return move.to === 'kept' ? 'finishing' : 'stopping';
    case 'stop':
      return 'stopping';
    case 'setRestart':
    case 'start':
      return 'starting';
    case 'check':
      return 'checking';
    case 'remove':
      return 'finishing';
  }
}
