/** Steps that run at the same time: as many as one worker does at once, and far below what Temporal lets be open. */
const MAX_SIDE_BY_SIDE = 100;

/** Does a step with every item, a bounded number at a time; after a failure nothing new starts. */
export async function sideBySide<Item>(items: readonly Item[], step: (item: Item) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    for (const item of queue) {
      try {
        await step(item);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
      if (hasFailed) return;
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_SIDE_BY_SIDE, items.length) }, lane));
}
