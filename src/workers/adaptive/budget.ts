/** What the budget of an account is computed from. */
export interface Demand {
  /** Status requests per second that the account may send, over all processes. */
  readonly ratePerSecond: number;
  /** The share of them that polls before the verdict may use. The rest is for bursts, confirmations and the watch. */
  readonly pollShare: number;
  /** New orders per second, measured over minutes (`plannedArrivals`); `null` while unknown. */
  readonly arrivalsPerSecond: number | null;
}

/** An order gets the poll at its deadline, and one where its payment is most likely final, however little there is. */
export const leastBudget = 2;
/** More polls than this per order gain nothing that a customer would notice. */
export const mostBudget = 20;

/** How much a budget must change before poll times are planned anew: plans that keep changing help nobody. */
const noticeableChange = 0.15;

/**
 * Polls that an order may use on average until its verdict: what the account may send in the time in which one order
 * arrives. `null` while the arrivals are unknown. Pure.
 */
export function pollBudget({ ratePerSecond, pollShare, arrivalsPerSecond }: Demand): number | null {
  if (arrivalsPerSecond === null) return null;
  const polls = (ratePerSecond * pollShare) / Math.max(arrivalsPerSecond, 1e-9);
  return Math.min(Math.max(polls, leastBudget), mostBudget);
}

/** Whether a budget has changed so much that the poll times should. Pure. */
export function hasChanged(former: number | null, budget: number | null): boolean {
  if (former === null || budget === null) return former !== budget;
  return Math.abs(budget - former) > noticeableChange * former;
}
