import type { HourStatistics } from './statistics.ts';

/** What an account's verdicts of the last day say. */
export interface VerdictFigures {
  readonly account: string;
  /** Verdicts `unresolved/underpaid` of the last day. */
  readonly underpaid: number;
  /**
   * The share of first verdicts other than `paid` in this hour and the last, minus that share in the hours before; `null` where
   * either has too few verdicts to compare.
   */
  readonly failureRise: number | null;
}

/** Fewer verdicts say too little: with 20, a share of a third varies by about a tenth by chance. */
const leastVerdicts = 20;
/** The hours that are compared with those before, the current one included. */
const recentHours = 2;

/**
 * Figures by account, for the alerts. Pure.
 *
 * @param hours the counters of the last day, oldest first
 */
export function verdictFigures(hours: readonly HourStatistics[]): VerdictFigures[] {
  const [before, recent] = [sum(hours.slice(0, -recentHours)), sum(hours.slice(-recentHours))];
  const accounts = new Set(
    [...before.keys(), ...recent.keys()].flatMap(
      (name) => /^(?:first:\w+|underpaid):(.+)$/.exec(name)?.[1] ?? [],
    ),
  );
  return [...accounts].sort().map((account) => {
    const [usual, now] = [failureShare(before, account), failureShare(recent, account)];
    const name = `underpaid:${account}`;
    return {
      account,
      underpaid: (before.get(name) ?? 0) + (recent.get(name) ?? 0),
      failureRise: usual === null || now === null ? null : now - usual,
    };
  });
}

type Counters = ReadonlyMap<string, number>;

function failureShare(counters: Counters, account: string): number | null {
  const paid = counters.get(`first:paid:${account}`) ?? 0;
  const other = counters.get(`first:other:${account}`) ?? 0;
  return paid + other < leastVerdicts ? null : other / (paid + other);
}

function sum(hours: readonly HourStatistics[]): Counters {
  const total = new Map<string, number>();
  for (const { counters } of hours) {
    for (const [name, count] of Object.entries(counters)) total.set(name, (total.get(name) ?? 0) + count);
  }
  return total;
}
