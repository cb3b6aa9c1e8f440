import type { Random } from '../../../test/support/random.ts';
import { type Behaviour, drawPayment, type Payment } from '../behaviour.ts';

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** A day at one account. Times count from its beginning. */
export interface Day {
  readonly name: string;
  /** New orders per second, on average over the day. */
  readonly ordersPerSecond: number;
  /** An hour of so many times the mean; `null`: all hours are alike. */
  readonly rush: { readonly fromMs: number; readonly toMs: number; readonly times: number } | null;
  /** The provider gives no usable answer. */
  readonly outage: { readonly fromMs: number; readonly toMs: number } | null;
}

export interface Arrival {
  readonly createdAt: number;
  readonly payment: Payment;
}

/** The orders of a day: independent arrivals, with the rush hour out of the mean. */
export function arrivalsOf({ ordersPerSecond, rush }: Day, behaviour: Behaviour, random: Random): Arrival[] {
  const arrivals: Arrival[] = [];
  const rushMs = rush === null ? 0 : rush.toMs - rush.fromMs;
  const inRush = ordersPerSecond * (rush?.times ?? 1);
  const outside = (ordersPerSecond * dayMs - inRush * rushMs) / (dayMs - rushMs);
  for (let at = 0; ; ) {
    const isRush = rush !== null && at >= rush.fromMs && at < rush.toMs;
    const rate = isRush ? inRush : outside;
    const next = at - (1_000 * Math.log(1 - random.next())) / rate;
    // The rate changes within the wait: begin anew there, which for independent arrivals is exact.
    const edge = rush === null ? dayMs : [rush.fromMs, rush.toMs, dayMs].find((each) => each > at);
    if (edge !== undefined && next >= edge) {
      if (edge >= dayMs) return arrivals;
      at = edge;
      continue;
    }
    at = next;
    // Whole milliseconds, as everywhere: sums of fractions would place polls a hair too early.
    arrivals.push({ createdAt: Math.round(at), payment: drawPayment(behaviour, random) });
  }
}
