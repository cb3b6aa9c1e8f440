import type { PendingFinding } from './finding-log.ts';
import type { RowIndex } from './statement/row-index.ts';

/** A row that nobody claims may be the payment of an unresolved order if it came within this time of it. */
const within = { beforeMs: 10 * 60_000, afterMs: 3 * 3_600_000 };
/** Statements that give the day only print midnight. */
const dayMs = 86_400_000;
const shown = 3;

/** Rows without an order that have the amount of an order, at about its time: for a person to look at. */
export function createPossibleRows(
  rows: RowIndex,
  amounts: ReadonlySet<number>,
  isFree: (nth: number) => boolean,
) {
  const byAmount = new Map<number, number[]>();
  for (let nth = 0; nth < rows.size; nth += 1) {
    if (!isFree(nth)) continue;
    const { kind, amountMinor } = rows.row(nth);
    if (kind !== 'payment' || !amounts.has(amountMinor)) continue;
    const list = byAmount.get(amountMinor);
    if (list === undefined) byAmount.set(amountMinor, [nth]);
    else list.push(nth);
  }
  for (const list of byAmount.values()) list.sort((a, b) => rows.time(a) - rows.time(b));

  return ({ ours }: PendingFinding): number[] => {
    const list = byAmount.get(ours.expectedMinor) ?? [];
    const found: number[] = [];
    const { createdAt } = ours;
    for (
      let at = firstFrom(list, createdAt - dayMs, rows);
      at < list.length && found.length < shown;
      at += 1
    ) {
      const nth = list[at] as number;
      const time = rows.time(nth);
      if (time > createdAt + within.afterMs) break;
      const { currency } = rows.row(nth);
      if (currency !== ours.currency) continue;
      if (time >= createdAt - within.beforeMs || rows.isDayOnly) found.push(nth);
    }
    return found;
  };
}

/** The first place in a list, sorted by time, that is not before `at`. */
function firstFrom(list: readonly number[], at: number, rows: RowIndex): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows.time(list[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
