import { workLabels, type Replacement, type ReplacementOutcome, type Was } from '../../../model/replacement.ts';
import type { EngineConnection } from '../connection.ts';
import * as change from './change.ts';
import { memoryOf, type ContainerLook, type Memory } from './look.ts';
import { isDead, lookAround, type Pair, type Scene } from './scene.ts';
import { findSharers } from './sharers.ts';
import { rest, type Site } from './site.ts';
import { fail, goForward, NameTaken } from './way-forward.ts';
import { readWish, refused, type Base, type Wish } from './wish.ts';

/** How often one call begins: again after a dead attempt's container was removed, or while another is just being created. */
const MAX_BEGINS = 60;
/** Before it begins again; ms. A killed attempt's creation goes on in the engine, for seconds on a slow disk. */
const AGAIN_MS = 500;

/**
 * Replaces a container in place, or goes on where an earlier attempt ended.
 *
 * 1. An attempt is known by the digest of its wish, derived from the container that it replaces, wherever that is by now.
 *    The same call finds its own new container and goes on; on the way back as well.
 * 2. A container that is as wished already is left alone, whether it runs or not. If the same upgrade made it, the answer is
 *    the same as the first time, which may have been lost.
 * 3. What another attempt has created and never used goes. One that ended half-way is refused: that call again, or the way
 *    back, settles it.
 * 4. Everything that can be refused is refused before the first change.
 */
export async function replaceContainer(
  connection: EngineConnection,
  replacement: Replacement,
): Promise<ReplacementOutcome> {
  const site = { connection, container: replacement.container, signal: replacement.signal };
  let why = '';
  for (let begin = 1; begin <= MAX_BEGINS; begin += 1) {
    try {
      const outcome = await beginAt(site, replacement, await lookAround(site));
      if (outcome !== 'again') return outcome;
    } catch (error) {
      if (!(error instanceof NameTaken)) throw error;
      why = error.message;
      await rest(site, AGAIN_MS);
    }
  }
  return unfinished(site, `others are at work on it at the same time: ${why}`);
}

async function beginAt(site: Site, replacement: Replacement, scene: Scene): Promise<ReplacementOutcome | 'again'> {
  switch (scene.scene) {
    case 'unclear':
      return unfinished(site, scene.reason);
    case 'absent':
      return beginAtNothing(site, replacement);
    case 'settled':
      return beginAtPlace(site, replacement, scene);
    case 'halfway':
      return goOn(site, replacement, scene);
  }
}

async function beginAtNothing(site: Site, replacement: Replacement): Promise<ReplacementOutcome> {
  const { container, base, failed } = replacement;
  if (base === 'kept')
    return refused('notFound', `container ${container} is not there; docker ps -a shows those that are`);
  if (failed !== null) return { outcome: 'putBack', reason: failed };
  const wish = await readWish(site, replacement, null);
  return 'outcome' in wish ? wish : goForward({ site, replacement, wish, old: null, was: NOTHING }, null);
}

async function beginAtPlace(
  site: Site,
  replacement: Replacement,
  { place, kept }: Extract<Scene, { readonly scene: 'settled' }>,
): Promise<ReplacementOutcome> {
  const { restart } = place;
  const memory = memoryOf(place);
  const wish = await readWish(site, replacement, { look: place, restart });
  const isOwn =
    memory !== null && !('outcome' in wish) && isMadeBy(place, replacement) && memory.config === wish.digest;
  // There was no container before: only its health says whether the first attempt came to its end.
  if (isOwn && memory.replaces === '')
    return settle(site, replacement, { wish, pair: { fresh: place, memory, old: null } });
  if (replacement.failed !== null) return { outcome: 'putBack', reason: replacement.failed };
  if ('outcome' in wish) return wish;
  if (isOwn) return madeBefore(place, memory, { kept, wish });
  if (isSame(place, replacement, wish)) return { outcome: 'alreadyThere', id: place.id };
  const sharers = place.running ? await findSharers(site, place) : [];
  if (sharers.length > 0) return refused('shared', sharedBy(site, sharers));
  const was: Was = { running: place.running, restart, imageId: place.imageId };
  return goForward({ site, replacement, wish, old: place, was }, null);
}

/** An attempt that has ended between its first change and its last. */
async function goOn(
  site: Site,
  replacement: Replacement,
  { pair, inPlace }: Extract<Scene, { readonly scene: 'halfway' }>,
): Promise<ReplacementOutcome | 'again'> {
  const { old, memory } = pair;
  // The way back needs no image: it may be gone since.
  if (replacement.failed !== null && isMadeBy(pair.fresh, replacement))
    return fail({ site, replacement }, pair, replacement.failed);
  const base: Base | null = old === null ? null : { look: old, restart: memory.was.restart };
  const isOthers = memory.replaces !== '' && old === null;
  const wish = isOthers ? null : await readWish(site, replacement, base);
  if (
    wish !== null &&
    !('outcome' in wish) &&
    wish.digest === memory.config &&
    (inPlace === null || isOneOf(pair, inPlace))
  )
    return settle(site, replacement, { wish, pair });
  if (isDead(pair, inPlace)) {
    await change.remove(site, pair.fresh.id, { volumes: true });
    return 'again';
  }
  if (wish !== null && 'outcome' in wish) return wish;
  return unfinished(site, `another upgrade of it ended half-way${whose(pair.fresh)}`);
}

/** Goes on with an attempt's own container, forward or back. */
function settle(
  site: Site,
  replacement: Replacement,
  { wish, pair }: { readonly wish: Wish; readonly pair: Pair },
): Promise<ReplacementOutcome> {
  const way = { site, replacement, wish, old: pair.old, was: pair.memory.was };
  return replacement.failed === null ? goForward(way, pair) : fail(way, pair, replacement.failed);
}

/** The first attempt came to its end, and its answer was lost. */
function madeBefore(
  place: ContainerLook,
  memory: Memory,
  { kept, wish }: { readonly kept: Pair | null; readonly wish: Wish },
): ReplacementOutcome {
  const keptAs = kept?.old?.name ?? null;
  const previous = { id: memory.replaces, imageId: memory.was.imageId, keptAs };
  return { outcome: 'replaced', id: place.id, previous, awayMs: null, notes: wish.notes };
}

/** Same image and same configuration; where settings say it all, the label knows what they said. */
export const isSame = (place: ContainerLook, { base }: Pick<Replacement, 'base'>, wish: Wish): boolean =>
  base === 'kept' ? wish.isThere : place.imageId === wish.imageId && memoryOf(place)?.config === wish.digest;

function isMadeBy({ labels }: ContainerLook, { labels: own }: Replacement): boolean {
  const entries = Object.entries(own);
  return entries.length > 0 && entries.every(([name, value]) => labels[name] === value);
}

const isOneOf = ({ fresh, old }: Pair, { id }: ContainerLook): boolean => id === fresh.id || id === old?.id;

/** There was no container before: the new one is to run. */
const NOTHING: Was = { running: true, restart: { policy: 'no', retries: 0 }, imageId: '' };

const unfinished = ({ container }: Site, why: string): ReplacementOutcome =>
  refused(
    'unfinished',
    `container ${container}: ${why}; repeat that upgrade, or go back with: ${ROLLBACK} ${container}`,
  );
const ROLLBACK = 'refit container rollback HOST';

function whose({ labels }: ContainerLook): string {
  const upgrade = labels[workLabels.upgrade];
  return upgrade === undefined ? '' : ` (upgrade ${upgrade})`;
}

const sharedBy = ({ container }: Site, sharers: readonly string[]): string =>
  `container ${container} lends its network or processes to ${sharers.join(', ')}, which would lose them; stop those first`;
