import type { Policy } from '../../src/domain/decide.ts';
import type { Schedule } from '../../src/domain/order.ts';
import type { ChanceFinal } from '../../src/domain/poll-class.ts';
import type { Plan } from '../../src/domain/schedule.ts';
import type { UsualTimes } from '../../src/providers/usual-times.ts';
import { hasChanged } from '../../src/workers/adaptive/budget.ts';
import {
  binCount,
  type CompletionTimes,
  chanceFinalOf,
  memoryOrders,
  sightingOf,
  spread,
  weightOf,
} from '../../src/workers/adaptive/completion-times.ts';
import { enoughOrders, planPollTimes } from '../../src/workers/adaptive/plan.ts';
import { withUsualTimes } from '../../src/workers/adaptive/prior.ts';
import type { Watching } from './play.ts';

/** An account that learns as the service does, but with its histogram in this process. */
export interface LearningAccount {
  policy(): Policy;
  /** The schedule that new orders get: the account's, with the first poll of the plan. */
  schedule(): Schedule;
  readonly watching: Watching;
  times(): CompletionTimes;
  /** As of the last plan. */
  readonly chanceFinal: ChanceFinal;
  /** Plans anew if there is reason to, as the service does every ten seconds. */
  plan(budget: number | null): void;
}

export interface Learning {
  readonly policy: Policy;
  readonly schedule: Schedule;
  readonly minIntervalMs: number;
  /** What is assumed before anything is observed. Default: nothing. */
  readonly usualTimes?: UsualTimes;
}

/** A plan is made after so many orders. The service makes one after fifty, or when the budget changes. */
const planEvery = 250;

export function createLearningAccount(options: Learning): LearningAccount {
  const { policy: usual, schedule, minIntervalMs, usualTimes } = options;
  const bins = new Float64Array(binCount);
  let [never, weight, seen] = [0, 0, 0];
  let plan: Plan | null = null;
  let chanceFinal: ChanceFinal = () => null;
  let planned: { readonly seen: number; readonly budget: number | null } | null = null;

  function fade(): void {
    const factor = memoryOrders / weight;
    for (let bin = 0; bin < binCount; bin += 1) bins[bin] = (bins[bin] as number) * factor;
    never *= factor;
    weight = memoryOrders;
  }

  return {
    policy: () => ({ ...usual, plan }),
    schedule: () =>
      plan === null
        ? schedule
        : { ...schedule, firstPollAfterMs: plan.times[0] ?? schedule.firstPollAfterMs },
    times: () => ({ bins, never }),
    chanceFinal: (fromMs, toMs) => chanceFinal(fromMs, toMs),
    watching(order, before, reading) {
      const sighting = sightingOf(order, before, null, reading);
      if (sighting === null) return;
      if (sighting === 'never') never += 1;
      else {
        for (const [bin, share] of spread(sighting.fromMs, sighting.toMs)) {
          bins[bin] = (bins[bin] as number) + share;
        }
      }
      weight += 1;
      seen += 1;
      if (weight > 1.05 * memoryOrders) fade();
    },
    plan(budget) {
      if (planned !== null && seen < planned.seen + planEvery && !hasChanged(planned.budget, budget)) return;
      planned = { seen, budget };
      const known = withUsualTimes({ bins, never }, usualTimes);
      chanceFinal = weightOf(known) < enoughOrders ? () => null : chanceFinalOf(known);
      const times = planPollTimes({ known, schedule, minIntervalMs, budget, former: plan?.times ?? null });
      plan = times === null ? null : { schedule, times, minIntervalMs };
    },
  };
}
