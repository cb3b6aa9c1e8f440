/**
 * Processes a list in chunks, several concurrently, and returns the results in the order of the list.
 *
 * @throws the error of the first chunk that failed, once the concurrent ones have ended, so that the caller may retry at once
 */
export async function inChunks<Item, Result>(
  items: readonly Item[],
  { size, concurrency }: { readonly size: number; readonly concurrency: number },
  work: (chunk: readonly Item[]) => Promise<readonly Result[]>,
): Promise<Result[]> {
  const results: Result[] = [];
  const underWay: Promise<readonly Result[]>[] = [];
  try {
    for (let start = 0; start < items.length; start += size) {
      if (underWay.length === concurrency) results.push(...((await underWay.shift()) ?? []));
      const chunk = work(items.slice(start, start + size));
      // An error is thrown when the chunk's turn comes.
      chunk.catch(() => {});
      underWay.push(chunk);
    }
    for (const chunk of underWay) results.push(...(await chunk));
    return results;
  } finally {
    await Promise.allSettled(underWay);
  }
}
