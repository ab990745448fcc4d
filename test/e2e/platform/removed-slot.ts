import { expect } from 'vitest';
import type { Slot } from '../../../model/unit.ts';
import { removedMembers, shopContainers } from './shop.ts';

/** Containers' names; and times, ms since the epoch. */
type Removal = { readonly members: readonly string[] } & Readonly<Record<'since' | 'after' | 'withinMs', number>>;

/** Each of the slot's members was removed once since then, not before its time and not long after it, and none is left. */
export async function expectRemovedOnce(slot: Slot, { since, members, after, withinMs }: Removal): Promise<void> {
  const removed = await removedMembers(slot, since);
  const times = removed.map(({ at }) => at);
  console.info(
    `${slot} went ${Math.round(Math.min(...times) - after)} to ${Math.round(Math.max(...times) - after)} ms after its time`,
  );
  expect(removed.map(({ container }) => container).sort()).toEqual([...members].sort());
  expect(Math.min(...times)).toBeGreaterThanOrEqual(after);
  expect(Math.max(...times)).toBeLessThan(after + withinMs);
  expect(await shopContainers(slot)).toEqual([]);
}
