import type { Policy } from '../../src/domain/decide.ts';
import type { Schedule } from '../../src/domain/order.ts';
import type { Plan } from '../../src/domain/schedule.ts';
import {
  binCount,
  type CompletionTimes,
  memoryOrders,
  sightingOf,
  spread,
} from '../../src/workers/adaptive/completion-times.ts';
import { planPollTimes } from '../../src/workers/adaptive/plan.ts';
import type { Watching } from './play.ts';

/** An account that learns as the service does, but with its histogram in this process. */
export interface LearningAccount {
  policy(): Policy;
  /** The schedule that new orders get: the account's, with the first poll of the plan. */
  schedule(): Schedule;
  readonly watching: Watching;
  times(): CompletionTimes;
}

/** A plan is made after so many orders. The service does it every ten seconds, when there are fifty new ones at least. */
const planEvery = 250;

export function createLearningAccount(
  usual: Policy,
  schedule: Schedule,
  minIntervalMs: number,
): LearningAccount {
  const bins = new Float64Array(binCount);
  let [never, weight, seen] = [0, 0, 0];
  let plan: Plan | null = null;

  function fade(): void {
    const factor = memoryOrders / weight;
    for (let bin = 0; bin < binCount; bin += 1) bins[bin] = (bins[bin] as number) * factor;
    never *= factor;
    weight = memoryOrders;
  }

  function planAnew(): void {
    const times = planPollTimes({ bins, never }, schedule, minIntervalMs, plan?.times);
    plan = times === null ? null : { schedule, times, minIntervalMs };
  }

  return {
    policy: () => ({ ...usual, plan }),
    schedule: () =>
      plan === null
        ? schedule
        : { ...schedule, firstPollAfterMs: plan.times[0] ?? schedule.firstPollAfterMs },
    times: () => ({ bins, never }),
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
      if (seen % planEvery === 0) planAnew();
    },
  };
}
