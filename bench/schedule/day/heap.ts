/** A binary heap: the item of the least key comes out first; among equals, the one that came in first. */
export interface Heap<Item> {
  push(key: number, item: Item): void;
  /** The least key; infinite when there is none. */
  head(): number;
  pop(): Item | undefined;
  readonly size: number;
  items(): Item[];
}

export function createHeap<Item>(): Heap<Item> {
  const entries: { readonly key: number; readonly nth: number; readonly item: Item }[] = [];
  let count = 0;
  const isBefore = (a: number, b: number) => {
    const [one, other] = [entries[a], entries[b]];
    if (one === undefined || other === undefined) return false;
    return one.key < other.key || (one.key === other.key && one.nth < other.nth);
  };
  const swap = (a: number, b: number) => {
    const [one, other] = [entries[a], entries[b]];
    if (one !== undefined && other !== undefined) [entries[a], entries[b]] = [other, one];
  };
  return {
    push(key, item) {
      entries.push({ key, nth: count++, item });
      for (let at = entries.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1;
        if (!isBefore(at, parent)) return;
        swap(at, parent);
        at = parent;
      }
    },
    head: () => entries[0]?.key ?? Number.POSITIVE_INFINITY,
    pop() {
      const first = entries[0];
      const last = entries.pop();
      if (first === undefined || last === undefined || entries.length === 0) return first?.item;
      entries[0] = last;
      for (let at = 0; ; ) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        const least = isBefore(right, left) ? right : left;
        if (least >= entries.length || !isBefore(least, at)) return first.item;
        swap(at, least);
        at = least;
      }
    },
    get size() {
      return entries.length;
    },
    items: () => entries.map(({ item }) => item),
  };
}
