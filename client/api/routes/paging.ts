import { problemOf } from '../problem-answer.ts';
import type { PageQuery } from '../schemas/page.ts';

export type Page<Item> = { readonly items: readonly Item[]; readonly nextCursor: string | null };

/** A page of a list that may change between two pages: the cursor names the last entry that was seen. */
export function pageOf<Item>(
  all: readonly Item[],
  { limit, cursor }: PageQuery,
  keyOf: (item: Item) => string,
): Page<Item> {
  const seen = cursor === undefined ? -1 : all.findIndex((item) => keyOf(item) === cursor);
  if (cursor !== undefined && seen === -1) throw unknownCursor();
  const items = all.slice(seen + 1, seen + 1 + limit);
  const last = items.at(-1);
  const isLast = last === undefined || seen + 1 + limit >= all.length;
  return { items, nextCursor: isLast ? null : keyOf(last) };
}

function unknownCursor(): Error {
  const reason = 'there is no such entry any more; begin at the first page';
  return problemOf(400, `cursor: ${reason}`, { errors: [{ field: 'cursor', reason }] });
}
