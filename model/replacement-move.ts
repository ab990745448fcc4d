import type { RestartSetting, Was } from './replacement.ts';

/** One of the containers that a replacement is about, as the engine shows it. */
export type SeenContainer = {
  readonly id: string;
  /** place: under the container's own name · fresh, aside, kept: under that stand-in's. */
  readonly at: 'place' | 'fresh' | 'aside' | 'kept';
  readonly running: boolean;
  /** It was started before, whether that went well or not. */
  readonly wasTried: boolean;
  readonly restart: RestartSetting;
};

export type SeenReplacement = {
  readonly old: SeenContainer | null;
  /** null: not created yet. */
  readonly fresh: (SeenContainer & { readonly was: Was; readonly isWired: boolean }) | null;
  /** Restart policy that the new container is to have in the end. */
  readonly restart: RestartSetting;
};

/** The one change that is next. Every move names a container by id, so that a late one can't hit another. */
export type Move =
  | { readonly move: 'create' }
  /** Networks are as wanted only after this: an engine takes one of them at the creation. */
  | { readonly move: 'wire'; readonly id: string }
  | { readonly move: 'rename'; readonly id: string; readonly to: 'place' | 'fresh' | 'aside' | 'kept' }
  | { readonly move: 'stop'; readonly id: string }
  | { readonly move: 'setRestart'; readonly id: string; readonly restart: RestartSetting }
  | { readonly move: 'start'; readonly id: string }
  | { readonly move: 'remove'; readonly id: string; readonly which: 'old' | 'fresh' }
  /** Look whether the new one is healthy; what is next depends on it. */
  | { readonly move: 'check'; readonly id: string }
  | { readonly move: 'end' };

export type Forward = {
  readonly until: 'stopped' | 'healthy';
  readonly keepOld: boolean;
  /** What the look at the new one said, in this call. */
  readonly isHealthy: boolean;
};

const NO_RESTART: RestartSetting = { policy: 'no', retries: 0 };

/**
 * The way to the new container. Pure: whatever instant a crash left, the next move is found from what the engine shows.
 *
 * 1. The new one is created, whole, before anything happens to the old one; without a restart policy, since an engine that
 *    restarts would start it beside the old one.
 * 2. Names change before the stop: only stop and start lie within the time without service.
 * 3. The old one loses its restart policy after its stop: an engine that restarts in between brings it back, which is
 *    better than nothing running; from then on only the new one may start.
 * 4. The old one goes only when the new one is healthy, and runs at the last look. One that has ended is looked at before
 *    it gets its restart policy: an engine that restarts must not wake it.
 * 5. Once the old one is gone there is no way back: what becomes of the new one then is no longer this replacement's.
 */
export function nextMove({ old, fresh, restart }: SeenReplacement, { until, keepOld, isHealthy }: Forward): Move {
  if (fresh === null) return { move: 'create' };
  if (!fresh.isWired) return { move: 'wire', id: fresh.id };
  if (old?.at === 'place') return { move: 'rename', id: old.id, to: 'aside' };
  if (fresh.at !== 'place') return { move: 'rename', id: fresh.id, to: 'place' };
  if (old?.running === true) return { move: 'stop', id: old.id };
  if (old !== null && !isSame(old.restart, NO_RESTART)) return { move: 'setRestart', id: old.id, restart: NO_RESTART };
  if (until === 'stopped') return { move: 'end' };
  if (isHealthy && (old === null || old.at === 'kept')) return { move: 'end' };
  if (fresh.was.running && !fresh.wasTried) return { move: 'start', id: fresh.id };
  if (fresh.was.running && !fresh.running) return { move: 'check', id: fresh.id };
  if (!isSame(fresh.restart, restart)) return { move: 'setRestart', id: fresh.id, restart };
  if (fresh.was.running && !isHealthy) return { move: 'check', id: fresh.id };
  if (old === null || old.at === 'kept') return { move: 'end' };
  return keepOld ? { move: 'rename', id: old.id, to: 'kept' } : { move: 'remove', id: old.id, which: 'old' };
}

/** The way back to the old container, from any instant of the way to the new one, or of this way itself. */
export function nextMoveBack(
  { old, fresh }: SeenReplacement,
  { until }: { readonly until: 'stopped' | 'running' },
): Move {
  if (fresh === null) return { move: 'end' };
  if (!isSame(fresh.restart, NO_RESTART)) return { move: 'setRestart', id: fresh.id, restart: NO_RESTART };
  if (fresh.running) return { move: 'stop', id: fresh.id };
  if (fresh.at === 'place') return { move: 'rename', id: fresh.id, to: 'fresh' };
  if (old !== null) {
    if (old.at !== 'place') return { move: 'rename', id: old.id, to: 'place' };
    if (until === 'stopped') return { move: 'end' };
    if (!isSame(old.restart, fresh.was.restart)) return { move: 'setRestart', id: old.id, restart: fresh.was.restart };
    if (fresh.was.running && !old.running) return { move: 'start', id: old.id };
  } else if (until === 'stopped') return { move: 'end' };
  return { move: 'remove', id: fresh.id, which: 'fresh' };
}

/** A new container that was tried and has lost its place again: somebody was on the way back when a crash came. */
export const isOnWayBack = ({ fresh }: SeenReplacement): boolean =>
  fresh !== null && fresh.at === 'fresh' && fresh.wasTried;

const isSame = (a: RestartSetting, b: RestartSetting): boolean => a.policy === b.policy && a.retries === b.retries;
