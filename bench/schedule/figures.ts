import { createRandom } from '../../test/support/random.ts';
import { type Behaviour, drawPayment } from './behaviour.ts';
import type { Contender } from './contenders.ts';
import type { Played } from './play.ts';

/** How a schedule did. Times in milliseconds. */
export interface Figures {
  readonly name: string;
  readonly orders: number;
  /** Per order, until one saw the final status. */
  readonly polls: number;
  /** Per order, to confirm a soft word. */
  readonly confirmations: number;
  /** Of the orders whose final status was seen. */
  readonly lag: { readonly p50: number; readonly p75: number; readonly p95: number; readonly p99: number };
  /** From the final status to the verdict. */
  readonly verdictP50: number;
  /** The share of orders that became final sooner or later, and were given up before it was seen. */
  readonly unseen: number;
}

/** Plays as many payments of each account through a contender; the same payments, whatever the contender. */
export function measure(contender: Contender, accounts: readonly Behaviour[], orders: number): Figures {
  const played: Played[] = [];
  let final = 0;
  for (const [nth, behaviour] of accounts.entries()) {
    const payments = createRandom(1 + nth);
    const play = contender.start(behaviour, createRandom(1_001 + nth));
    for (let order = 0; order < Math.round(orders / accounts.length); order += 1) {
      const payment = drawPayment(behaviour, payments);
      if (Number.isFinite(payment.finalMs)) final += 1;
      played.push(play(payment));
    }
  }
  return summary(contender.name, played, final);
}

function summary(name: string, played: readonly Played[], final: number): Figures {
  const lags = Float64Array.from(played.flatMap(({ lagMs }) => (lagMs === null ? [] : [lagMs]))).sort();
  const verdicts = Float64Array.from(
    played.flatMap(({ verdictMs }) => (verdictMs === null ? [] : [verdictMs])),
  ).sort();
  const per = (count: (one: Played) => number) =>
    played.reduce((sum, one) => sum + count(one), 0) / played.length;
  const lag = {
    p50: quantileOf(lags, 0.5),
    p75: quantileOf(lags, 0.75),
    p95: quantileOf(lags, 0.95),
    p99: quantileOf(lags, 0.99),
  };
  return {
    name,
    orders: played.length,
    polls: per(({ polls }) => polls),
    confirmations: per(({ confirmations }) => confirmations),
    lag,
    verdictP50: quantileOf(verdicts, 0.5),
    unseen: (final - lags.length) / played.length,
  };
}

/** The value below which a share of sorted values lies; of none, NaN. */
export function quantileOf(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
