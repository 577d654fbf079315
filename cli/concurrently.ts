/** Calls that may be under way at once: SSM takes 40 reads a second, and a proxy or Streampixel may take no flood either. */
const MOST_AT_ONCE = 10;

/**
 * Does the work for each item, some at a time.
 *
 * @returns the results in the order of the items
 * @throws the first error; then no further work is started
 */
export async function concurrently<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const entries = items.entries();
  let hasFailed = false;
  // The lanes share one iterator: each takes the next item that no other has.
  async function lane(): Promise<void> {
    for (const [index, item] of entries) {
      if (hasFailed) return;
      results[index] = await work(item).catch((error) => {
        hasFailed = true;
        throw error;
      });
    }
  }
  await Promise.all(Array.from({ length: Math.min(MOST_AT_ONCE, items.length) }, lane));
  return results;
}
