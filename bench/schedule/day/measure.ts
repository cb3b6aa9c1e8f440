import { patienceMs } from '../../../src/domain/poll-class.ts';
import { defaultSchedule } from '../../../src/domain/schedule.ts';
import { createRandom } from '../../../test/support/random.ts';
import type { Behaviour } from '../behaviour.ts';
import { quantileOf } from '../figures.ts';
import { arrivalsOf, type Day, dayMs, hourMs } from './arrivals.ts';
import type { DayContender } from './contenders.ts';

/** How a way to poll did on a day, by the orders created within a time of it. Times in milliseconds. */
export interface DayFigures {
  readonly name: string;
  readonly limit: number;
  readonly orders: number;
  /** Of orders final before their deadline: from then to the poll that sees it. */
  readonly lag: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** The share of them whose verdict comes within five seconds. */
  readonly withinFiveSeconds: number;
  /** The share of them never seen. */
  readonly unseen: number;
  /** Per order, until one saw the final status. */
  readonly polls: number;
  /** Of all requests of the day, how many the provider's limit turned away. */
  readonly rejected: number;
  readonly mostPerSecond: number;
  readonly missedDeadlines: number;
  /** The most orders without a verdict at any time. */
  readonly mostOpen: number;
  /** How long after they were due polls started, at the 99th of a hundred. */
  readonly waits: { readonly likely: number; readonly older: number; readonly watch: number };
  /** The longest wait of a likely poll that came due before the patience of the older ones ended. */
  readonly longestLikelyMs: number;
}

/** Which part of the day counts. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Warm-up before, and watch after the part that counts, where only a part of a day is played. */
const aroundMs = 2 * hourMs;

export function measureDay(
  contender: DayContender,
  day: Day,
  behaviour: Behaviour,
  ratePerSecond: number,
  { fromMs, toMs }: Window,
  seed: number,
): DayFigures {
  const random = createRandom(seed);
  const arrivals = arrivalsOf(day, behaviour, random.fork('arrivals')).filter(
    ({ createdAt }) => createdAt >= fromMs - aroundMs && createdAt < toMs + aroundMs / 2,
  );
  const played = contender.play({
    ...{ arrivals, behaviour, ratePerSecond, outages: day.outage === null ? [] : [day.outage] },
    ...{ random: random.fork('answers'), untilMs: Math.min(toMs + aroundMs, dayMs + hourMs) },
  });
  const counted = played.orders.filter(({ arrival: { createdAt, payment } }) => {
    return createdAt >= fromMs && createdAt < toMs && payment.finalMs < defaultSchedule.deadlineMs;
  });
  const sorted = (values: readonly (number | null)[]) =>
    Float64Array.from(values.flatMap((value) => (value === null ? [] : [value]))).sort();
  const lags = sorted(counted.map(({ lagMs }) => lagMs));
  const verdicts = counted.filter(({ verdictMs }) => verdictMs !== null && verdictMs <= 5_000).length;
  const waited = (pollClass: 'likely' | 'older' | 'watch') =>
    quantileOf(
      sorted(
        (played.waits.get(pollClass) ?? [])
          .filter(({ dueAt }) => dueAt >= fromMs && dueAt < toMs)
          .map(({ waitedMs }) => waitedMs),
      ),
      0.99,
    );
  return {
    ...{ name: contender.name, limit: ratePerSecond, orders: counted.length },
    lag: { p50: quantileOf(lags, 0.5), p95: quantileOf(lags, 0.95), p99: quantileOf(lags, 0.99) },
    withinFiveSeconds: verdicts / counted.length,
    unseen: (counted.length - lags.length) / counted.length,
    polls: counted.reduce((sum, { polls }) => sum + polls, 0) / counted.length,
    rejected: played.rejected,
    mostPerSecond: played.mostPerSecond,
    missedDeadlines: played.missedDeadlines,
    mostOpen: Math.max(0, ...played.open.map(({ orders }) => orders)),
    longestLikelyMs: (played.waits.get('likely') ?? [])
      .filter(({ dueAt }) => dueAt >= fromMs && dueAt < toMs + patienceMs.older)
      .reduce((longest, { waitedMs }) => Math.max(longest, waitedMs), 0),
    waits: { likely: waited('likely'), older: waited('older'), watch: waited('watch') },
  };
}
