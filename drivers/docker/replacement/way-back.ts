import { EngineError } from '../../../model/engine.ts';
import { nextMoveBack, type Move } from '../../../model/replacement-move.ts';
import { lastWords } from './last-words.ts';
import { lookAgain, make, MAX_MOVES, MOVE_AGAIN_MS, MOVE_TRIES, STALE_MS, type PlainMove } from './move.ts';
import { toSeen, type Pair } from './scene.ts';
import { rest, type Site } from './site.ts';

/** Before the old container's start is tried again; ms. */
const START_AGAIN_MS = 500;

type Way = { readonly until: 'stopped' | 'running'; readonly onChange?: () => void };
export type WayBackOutcome =
  { readonly outcome: 'back' | 'stopped' } | { readonly outcome: 'stuck'; readonly reason: string };

/**
 * The old container takes its place again, and the new one is removed, from any instant of either way.
 *
 * 1. The new one goes last: until then its labels remember how the old one was.
 * 2. Where the old one is gone, the new one is all there is and stays: a person is needed.
 * 3. An engine that refuses a change leaves it stuck; the same call again goes on. One that is away throws.
 */
export async function goBack(site: Site, begin: Pair, { until, onChange }: Way): Promise<WayBackOutcome> {
  let isStarted = false;
  let refusals = 0;
  for (let moves = 0; moves < MAX_MOVES; moves += 1) {
    const seenAt = performance.now();
    const pair = await lookAgain(site, begin);
    if (pair === null) return { outcome: 'back' };
    if (pair.memory.replaces !== '' && pair.old === null)
      return stuck(site, `the old container ${pair.memory.replaces.slice(0, 12)} is gone`);
    if (isStarted && pair.old?.running === false)
      return stuck(site, `the old container ${await lastWords(site, pair.old)}`);
    const seen = toSeen(site.container, pair, { restart: pair.fresh.restart, isWired: true });
    const move = nextMoveBack(seen, { until });
    if (move.move === 'end') return { outcome: until === 'stopped' ? 'stopped' : 'back' };
    if (!isPlain(move)) throw new Error(`no move of the way back: ${move.move}`);
    if (performance.now() - seenAt > STALE_MS) continue;
    onChange?.();
    try {
      await make(site, move, pair);
      isStarted ||= move.move === 'start';
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusals += 1;
      if (!isWorthAgain(move, error) || refusals >= MOVE_TRIES) return stuck(site, error.message);
      await rest(site, move.move === 'start' ? START_AGAIN_MS : MOVE_AGAIN_MS);
    }
  }
  throw new EngineError(
    'deadline',
    `container ${site.container} was not put back within ${MAX_MOVES} moves; try again`,
  );
}

const isPlain = (move: Move): move is PlainMove => !['create', 'wire', 'check', 'end'].includes(move.move);

/** The engine answered, and said no. */
export const isRefusal = (error: unknown): error is EngineError =>
  error instanceof EngineError && ['refused', 'conflict', 'notFound'].includes(error.kind);

const isWorthAgain = ({ move }: Move, { kind }: EngineError): boolean =>
  move === 'start' || move === 'setRestart' || kind === 'notFound' || (move === 'remove' && kind === 'conflict');

const stuck = ({ container }: Site, why: string): WayBackOutcome => ({
  outcome: 'stuck',
  reason: `container ${container} could not be put back: ${why}; try again with: refit container rollback HOST ${container}`,
});
