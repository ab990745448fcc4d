import { assert } from './assert.ts';

/** One hop, as far as the way back over it goes. `passed`: why what was before it can't come back; null: it can. */
export type HopBack = { readonly to: string; readonly passed: string | null };

/** Where a roll back can stop. A checkpoint's number is how many of the upgrade's hops stay. */
export type Checkpoints = {
  /** Those that can be reached, the earliest first; none: the hop at work can't be taken back. */
  readonly reachable: readonly { readonly name: string; readonly hops: number }[];
  /** Why it can't go back further than to the first of them; null: to the start. */
  readonly forwardOnly: string | null;
};

/** Name of the checkpoint before the first hop. */
export const START = 'start';

/** `begun`: hops that were begun; the last of them may be under way. Pure. */
export function checkpointsOf(hops: readonly HopBack[], begun: number): Checkpoints {
  assert(begun <= hops.length, `of ${hops.length} hops ${begun} were begun`);
  const last = hops.slice(0, begun).findLastIndex(({ passed }) => passed !== null);
  const reachable = Array.from({ length: begun }, (_, index) => index)
    .filter((index) => index > last)
    .map((index) => ({ name: checkpointName(hops, index), hops: index }));
  const passed = hops[last];
  return {
    reachable,
    forwardOnly: passed?.passed == null ? null : `forward only before ${passed.to}: ${passed.passed}`,
  };
}

/** Why a roll back to that checkpoint is refused, for people; null: it is not. `to` null: as far as it goes. */
export function refuseCheckpoint({ reachable, forwardOnly }: Checkpoints, to: string | null): string | null {
  if (reachable.length === 0) return forwardOnly ?? 'nothing was changed yet';
  if (to === null || reachable.some(({ name }) => name === to)) return null;
  const names = reachable.map(({ name }) => name).join(', ');
  return `${forwardOnly === null ? `${to} is no checkpoint of this upgrade` : forwardOnly}; it can go back to: ${names}`;
}

const checkpointName = (hops: readonly HopBack[], index: number): string => hops[index - 1]?.to ?? START;
