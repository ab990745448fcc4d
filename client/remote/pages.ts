/** Entries asked for at once, and most pages that are read of a list. */
const PAGE_LIMIT = 500;
const MAX_PAGES = 40;

/** All of a list, page by page; `read` gets the page's query. */
export async function readPages<Item>(
  read: (query: string) => Promise<{ readonly items: readonly Item[]; readonly nextCursor: string | null }>,
): Promise<readonly Item[]> {
  const all: Item[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = new URLSearchParams({ limit: String(PAGE_LIMIT), ...(cursor !== null && { cursor }) });
    const { items, nextCursor } = await read(query.toString());
    all.push(...items);
    if (nextCursor === null) return all;
    cursor = nextCursor;
  }
  throw new Error(`a list of the API has more than ${PAGE_LIMIT * MAX_PAGES} entries`);
}
