import { EngineError } from '../../../model/engine.ts';
import { unreachable } from '../../../model/assert.ts';
import { isOnWayBack, nextMove, type Move } from '../../../model/replacement-move.ts';
import {
  freshName,
  memoryLabels,
  type PreviousContainer,
  type Replacement,
  type ReplacementOutcome,
  type Was,
} from '../../../model/replacement.ts';
import * as change from './change.ts';
import { cut, lastWords } from './last-words.ts';
import { lookAt, memoryOf, placeOf, type ContainerLook } from './look.ts';
import { lookAgain, make, MAX_MOVES, MOVE_AGAIN_MS, MOVE_TRIES, STALE_MS, stageOf } from './move.ts';
import { toSeen, type Pair } from './scene.ts';
import { rest, type Site } from './site.ts';
import { goBack, isRefusal } from './way-back.ts';
import { waitUntilWell } from './well.ts';
import { refused, type Wish } from './wish.ts';

/** One call's way to the new container. */
export type Way = {
  readonly site: Site;
  readonly replacement: Replacement;
  readonly wish: Wish;
  /** The container whose place is taken; null: there is none. */
  readonly old: ContainerLook | null;
  readonly was: Was;
};

/** What one call saw: it says how long the container was away, in ms, and how often the engine has refused for now. */
type Course = { stopAskedAt: number | null; startedAt: number | null; refusals: number };

/** Another one has created a container of the name meanwhile: look at everything again. */
export class NameTaken extends Error {
  override readonly name = 'NameTaken';
}

/**
 * Goes on from where the engine shows it to be. model/replacement-move.ts has the order of the moves and its reasons.
 *
 * 1. What must survive a crash is in the engine: names, and the labels on the new container. No file, no memory.
 * 2. Before every change the engine is looked at. A look that is older than STALE_MS is taken again: a process that was
 *    suspended must not act on an old one. Changes name containers by id.
 * 3. What the engine refuses, and a new container that is not well, is a failure: back to the old one, or left as asked.
 * 4. An engine that is away or too slow throws, and nothing is decided: the same call again goes on from here.
 * 5. The old one is never removed by force: should it run after all, the engine refuses, and it is stopped first.
 */
export async function goForward(way: Way, begin: Pair | null): Promise<ReplacementOutcome> {
  const { site, replacement } = way;
  const course: Course = { stopAskedAt: null, startedAt: null, refusals: 0 };
  let pair = begin ?? (await create(way));
  if ('outcome' in pair) return pair;
  let isHealthy = false;
  for (let moves = 0; moves < MAX_MOVES; moves += 1) {
    const seenAt = performance.now();
    const found: Pair | null = await lookAgain(site, pair);
    if (found === null) return vanished(way, pair);
    pair = found;
    const isWired = isSameSet(found.fresh.networks, [...way.wish.wanted.networks.keys()]);
    const seen = toSeen(site.container, found, { restart: way.wish.wanted.restart, isWired });
    if (isOnWayBack(seen)) return fail(way, found, `an earlier attempt failed: ${await lastWords(site, found.fresh)}`);
    const move = nextMove(seen, { until: replacement.until, keepOld: replacement.keepOld, isHealthy });
    if (move.move === 'end') return ended(way, found, course);
    if (performance.now() - seenAt > STALE_MS) continue;
    const failure = await go(way, found, { move, course });
    if (failure !== null) return fail(way, found, failure);
    isHealthy ||= move.move === 'check';
  }
  throw new EngineError(
    'deadline',
    `container ${site.container} was not replaced within ${MAX_MOVES} moves; try again`,
  );
}

/** What came of one move; null: it was made, or is worth another look. */
async function go(
  { site, replacement, wish }: Way,
  pair: Pair,
  { move, course }: { readonly move: Exclude<Move, { move: 'end' }>; readonly course: Course },
): Promise<string | null> {
  const tell = (): void => replacement.onStage?.({ stage: stageOf(move) });
  tell();
  try {
    switch (move.move) {
      case 'create':
        throw new Error('the new container is created before the first look at it');
      case 'wire':
        await wire(site, pair.fresh, wish);
        return null;
      case 'check':
        return await waitUntilWell(site, { id: move.id, health: replacement.health, onLook: tell });
      case 'stop':
        course.stopAskedAt ??= performance.now();
        await make(site, move, pair);
        return null;
      case 'start':
        await make(site, move, pair);
        course.startedAt = performance.now();
        return null;
      case 'rename':
      case 'setRestart':
      case 'remove':
        await make(site, move, pair);
        return null;
      default:
        return unreachable(move);
    }
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // It runs after all, is being removed already, or is gone: the next look says what is left to do.
    if (move.move === 'remove' && error.kind !== 'refused') return null;
    course.refusals += 1;
    if (move.move !== 'setRestart' || course.refusals >= MOVE_TRIES) return cut(error.message);
    // One that has just ended: the next look says so, and how.
    await rest(site, MOVE_AGAIN_MS);
    return null;
  }
}

/** The networks that the creation left out, and not those that it brought in unasked. */
async function wire(site: Site, { id, networks }: ContainerLook, { wanted }: Wish): Promise<void> {
  for (const network of wanted.networks) if (!networks.includes(network[0])) await change.connect(site, id, network);
  for (const network of networks) if (!wanted.networks.has(network)) await change.disconnect(site, id, network);
}

async function create({ site, replacement, wish, old, was }: Way): Promise<Pair | ReplacementOutcome> {
  replacement.onStage?.({ stage: 'creating' });
  const { body } = wish.wanted;
  const memory = {
    [memoryLabels.config]: wish.digest,
    [memoryLabels.replaces]: old?.id ?? '',
    [memoryLabels.was]: JSON.stringify(was),
  };
  const labels = { ...labelsOf(body), ...replacement.labels, ...memory };
  try {
    const id = await change.create(site, { name: freshName(site.container), body: { ...body, Labels: labels } });
    const fresh = await lookAt(site, id);
    const remembered = fresh === null ? null : memoryOf(fresh);
    if (fresh !== null && remembered !== null) return { fresh, memory: remembered, old };
    return refused('settings', `container ${site.container}: the new one was removed by somebody else`);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (error.kind === 'conflict' && /is already in use by container/.test(error.message))
      throw new NameTaken(error.message);
    const why = error.kind === 'notFound' && /image/i.test(error.message) ? 'image' : 'settings';
    return refused(why, `container ${site.container}: the engine refused the new one: ${cut(error.message)}`);
  }
}

/** From a failure to what was asked for in that case. One that came before anything was changed is a refusal. */
export async function fail(
  { site, replacement }: Pick<Way, 'site' | 'replacement'>,
  pair: Pair,
  reason: string,
): Promise<ReplacementOutcome> {
  const { container, onFailure, onStage } = replacement;
  const told = `container ${container} with ${replacement.image}: ${reason}`;
  const isUntouched = placeOf(container, pair.fresh) === 'fresh' && !pair.fresh.wasTried;
  const isBefore = isUntouched && (pair.old === null || placeOf(container, pair.old) === 'place');
  if (!isBefore) onStage?.({ stage: 'failed', reason });
  if (!isBefore && onFailure === 'leave') return { outcome: 'failed', reason: told };
  const onChange = (): void => onStage?.({ stage: 'puttingBack' });
  const back = await goBack(site, pair, { until: 'running', onChange });
  if (back.outcome === 'stuck') return { outcome: 'stuck', reason: `${told}; ${back.reason}` };
  return isBefore ? refused('settings', told) : { outcome: 'putBack', reason: told };
}

/** The new one is gone, and with it what was remembered of the old one. */
function vanished({ site: { container }, old }: Way, pair: Pair): ReplacementOutcome {
  const left = old === null ? 'there was none before' : `the old one is ${pair.old?.name ?? 'gone'}`;
  return { outcome: 'stuck', reason: `container ${container}: the new one was removed by somebody else; ${left}` };
}

function ended({ replacement, wish }: Way, { fresh, old, memory }: Pair, course: Course): ReplacementOutcome {
  const keptAs = old === null ? null : old.name;
  const previous: PreviousContainer | null =
    memory.replaces === '' ? null : { id: memory.replaces, imageId: memory.was.imageId, keptAs };
  if (replacement.until === 'stopped') return { outcome: 'stopped', id: fresh.id, previous };
  return { outcome: 'replaced', id: fresh.id, previous, awayMs: awayMs(fresh, old, course), notes: wish.notes };
}

/** By this call's clock, else by the engine's, when an earlier call did a part of it. */
function awayMs({ startedAt, wasTried }: ContainerLook, old: ContainerLook | null, course: Course): number | null {
  const { stopAskedAt, startedAt: startedNow } = course;
  if (stopAskedAt !== null && startedNow !== null) return Math.round(startedNow - stopAskedAt);
  const ms = old === null || !wasTried ? Number.NaN : Date.parse(startedAt) - Date.parse(old.finishedAt);
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}

function labelsOf({ Labels: labels }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return typeof labels === 'object' && labels !== null ? { ...labels } : {};
}

const isSameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((one) => b.includes(one));
