import type { Comparison } from './compare-order.ts';
import { createColumn, createTexts } from './statement/pages.ts';

/** An order's finding that is only certain once all orders were compared: another order may claim the same row. */
export type PendingFinding = Comparison & {
  readonly orderId: string;
  readonly ours: OursThen;
};

/** What we said about an order when it was compared. */
export interface OursThen {
  readonly status: string | null;
  readonly reason: string | null;
  readonly expectedMinor: number;
  readonly receivedMinor: number | null;
  readonly currency: string;
  readonly createdAt: number;
}

/** Keeps findings as text, which takes a quarter of the memory of objects. */
export function createFindingLog() {
  const texts = createTexts();
  const [starts, lengths] = [createColumn(Float64Array), createColumn(Uint32Array)];
  let size = 0;
  return {
    get size() {
      return size;
    },
    add(finding: PendingFinding): void {
      const stored = texts.add(Buffer.from(JSON.stringify(finding)));
      starts.set(size, stored.at);
      lengths.set(size, stored.length);
      size += 1;
    },
    *all(): Generator<PendingFinding> {
      for (let nth = 0; nth < size; nth += 1) {
        yield JSON.parse(texts.read({ at: starts.get(nth), length: lengths.get(nth) })) as PendingFinding;
      }
    },
  };
}
