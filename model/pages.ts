/** Longest list of one payload, as JSON; characters. What goes with it fits into the rest of a payload's 16 kB. */
export const PAGE_LENGTH = 12_000;

/** What a page may hold. */
export type Room = { readonly length: number; readonly items: number };

/** The first items that there is room for; at least one, so that whoever turns pages gets to an end. Pure. */
export function takePage<Item>(items: readonly Item[], room: Room): readonly Item[] {
  let { length } = room;
  const end = items.slice(0, room.items).findIndex((item, index) => {
    length -= JSON.stringify(item).length + 1;
    return length < 0 && index > 0;
  });
  return items.slice(0, end === -1 ? room.items : end);
}

/** All items, page by page. Pure. */
export function cutPages<Item>(items: readonly Item[], room: Room): readonly (readonly Item[])[] {
  const pages: (readonly Item[])[] = [];
  for (let begun = 0; begun < items.length; begun += pages.at(-1)?.length ?? items.length) {
    pages.push(takePage(items.slice(begun), room));
  }
  return pages;
}
