import type { SeenContainer, SeenReplacement } from '../../../model/replacement-move.ts';
import { freshName, keptName, type RestartSetting } from '../../../model/replacement.ts';
import { EngineError } from '../../../model/engine.ts';
import { lookAt, memoryOf, placeOf, type ContainerLook, type Memory } from './look.ts';
import type { Site } from './site.ts';

/** A new container and the one whose place it takes; `old` null: there was none. */
export type Pair = { readonly fresh: ContainerLook; readonly memory: Memory; readonly old: ContainerLook | null };

/** What the engine shows of a container and its stand-ins, when a call begins. */
export type Scene =
  | { readonly scene: 'absent' }
  /** Nothing is under way. `kept`: the pair of the last replacement, when its old container is still there. */
  | { readonly scene: 'settled'; readonly place: ContainerLook; readonly kept: Pair | null }
  /** `inPlace`: what has the container's name, if anything does. */
  | { readonly scene: 'halfway'; readonly pair: Pair; readonly inPlace: ContainerLook | null }
  /** Somebody else has been at work on the names: a person is needed. */
  | { readonly scene: 'unclear'; readonly reason: string };

export async function lookAround(site: Site): Promise<Scene> {
  const { container } = site;
  const [place, waiting] = await Promise.all([lookAt(site, container), lookAt(site, freshName(container))]);
  if (waiting !== null) return lookAtWaiting(site, waiting, place);
  if (place === null) return { scene: 'absent' };
  const memory = memoryOf(place);
  const old = memory === null || memory.replaces === '' ? null : await lookAt(site, memory.replaces);
  if (memory === null || old === null) return { scene: 'settled', place, kept: null };
  const pair = { fresh: place, memory, old };
  if (placeOf(container, old) === 'aside') return { scene: 'halfway', pair, inPlace: place };
  return { scene: 'settled', place, kept: old.name === keptName(container, old.id) ? pair : null };
}

async function lookAtWaiting(site: Site, fresh: ContainerLook, inPlace: ContainerLook | null): Promise<Scene> {
  const { container } = site;
  const memory = memoryOf(fresh);
  if (memory === null)
    return unclear(`container ${fresh.name} is not refit's and has the name that refit needs; rename or remove it`);
  const old = memory.replaces === '' ? null : await lookAt(site, memory.replaces);
  if (old !== null && placeOf(container, old) === null)
    return unclear(
      `container ${old.name} was ${container} and renamed by somebody else; rename it back to ${container}`,
    );
  const isLost = memory.replaces !== '' && old === null && inPlace === null;
  if (isLost)
    return unclear(`container ${container} is gone; ${fresh.name} was to take its place and is all that is left`);
  return { scene: 'halfway', pair: { fresh, memory, old }, inPlace };
}

const unclear = (reason: string): Scene => ({ scene: 'unclear', reason });

/**
 * An attempt that died before it changed anything, so that what it created can go: the new one never was in place or
 * started, and the old one is in place as it was, or has given its place to another meanwhile.
 */
export function isDead({ fresh, memory, old }: Pair, inPlace: ContainerLook | null): boolean {
  if (fresh.wasTried || inPlace === null || inPlace.id === fresh.id) return false;
  if (old === null) return true;
  const { running, restart } = memory.was;
  return inPlace.id === old.id && old.running === running && isSame(old.restart, restart);
}

/** For the rules of model/replacement-move.ts. */
export function toSeen(
  container: string,
  { fresh, old, memory }: Pair,
  wish: { readonly restart: RestartSetting; readonly isWired: boolean },
): SeenReplacement {
  return {
    old: old === null ? null : seen(container, old),
    fresh: { ...seen(container, fresh), was: memory.was, isWired: wish.isWired },
    restart: wish.restart,
  };
}

function seen(container: string, look: ContainerLook): SeenContainer {
  const { id, running, wasTried, restart } = look;
  const at = placeOf(container, look);
  if (at === null)
    throw new EngineError(
      'conflict',
      `container ${id.slice(0, 12)} of ${container} was renamed by somebody else to ${look.name}`,
    );
  return { id, at, running, wasTried, restart };
}

const isSame = (a: RestartSetting, b: RestartSetting): boolean => a.policy === b.policy && a.retries === b.retries;
