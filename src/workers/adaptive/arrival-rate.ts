/** New orders of an account, counted by all its processes together. */
export interface Arrivals {
  /** When they were first counted; `null` before. */
  readonly sinceMs: number | null;
  /** New orders by minute (epoch milliseconds divided by 60 000), of the last `countedMinutes`. */
  readonly byMinute: ReadonlyMap<number, number>;
}

export const minuteMs = 60_000;
/** Minutes that are counted: the life of an order with the default deadline, and the one that is just beginning. */
export const countedMinutes = 11;
const longMinutes = countedMinutes - 1;

/** Less than this says nothing about a rate. */
const leastMs = 30_000;

/**
 * New orders per second to plan for: the higher of the rates of the last minute and of the last ten. So the budget falls
 * within a minute of a rush, and rises again when the orders of the rush are through. `null` while unknown. Pure.
 */
export function plannedArrivals({ sinceMs, byMinute }: Arrivals, now: number): number | null {
  if (sinceMs === null || now - sinceMs < leastMs) return null;
  const minute = Math.floor(now / minuteMs);
  const ofFirst = 1 - (now % minuteMs) / minuteMs;
  const count = (ago: number) => byMinute.get(minute - ago) ?? 0;
  const rateOver = (minutes: number) => {
    // A sliding window: the minute that is beginning, and as much of the first one as still belongs to it.
    let orders = ofFirst * count(minutes);
    for (let ago = 0; ago < minutes; ago += 1) orders += count(ago);
    return (1_000 * orders) / Math.min(minutes * minuteMs, now - sinceMs);
  };
  return Math.max(rateOver(1), rateOver(longMinutes));
}
