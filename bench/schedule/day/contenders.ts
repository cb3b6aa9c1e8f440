import type { Schedule } from '../../../src/domain/order.ts';
import { defaultSchedule } from '../../../src/domain/schedule.ts';
import { promptOfAMinute } from '../../../src/providers/usual-times.ts';
import { plannedArrivals } from '../../../src/workers/adaptive/arrival-rate.ts';
import { pollBudget } from '../../../src/workers/adaptive/budget.ts';
import { policy } from '../contenders.ts';
import { createLearningAccount, type Learning } from '../learning.ts';
import { type DayParts, type PlayedDay, playDay, playDayLoop } from './play-day.ts';

/** A way to poll that days are played through. */
export interface DayContender {
  readonly name: string;
  play(parts: DayParts): PlayedDay;
}

/** As the service: what it learnt is looked at this often. */
const exchangeMs = 10_000;
const minuteMs = 60_000;
const pollShare = 0.5;

export const fixed: DayContender = {
  name: 'fixed 5 s × 30, no limit of its own',
  play: (parts) => playDayLoop(parts, 5_000, 30),
};

export const exponentialDay = (isRanked: boolean): DayContender => ({
  name: isRanked ? 'exponential, by class' : 'exponential, first come first served',
  play: (parts) =>
    playDay(parts, {
      schedule: () => defaultSchedule,
      policy: () => policy,
      watching: () => {},
      chanceFinal: () => null,
      isRanked,
    }),
});

/** As before this budget: as many polls as the exponential schedule, after a thousand orders; first come, first served. */
export const formerAdaptive: DayContender = {
  name: 'adaptive before: as many polls, first come first served',
  play: (parts) =>
    playLearning(parts, { policy, schedule: defaultSchedule, minIntervalMs: 1_000 }, false, false),
};

export const adaptiveDay = (isRanked: boolean): DayContender => ({
  name: isRanked ? 'adaptive' : 'adaptive, first come first served',
  play: (parts) =>
    playLearning(
      parts,
      { policy, schedule: defaultSchedule, minIntervalMs: 2_000, usualTimes: promptOfAMinute },
      true,
      isRanked,
    ),
});

function playLearning(parts: DayParts, learning: Learning, hasBudget: boolean, isRanked: boolean): PlayedDay {
  const { ratePerSecond } = parts;
  const account = createLearningAccount(learning);
  const byMinute = new Map<number, number>();
  let exchangedAt = Number.NEGATIVE_INFINITY;

  function exchange(now: number): void {
    if (now < exchangedAt + exchangeMs) return;
    exchangedAt = now;
    const arrivalsPerSecond = plannedArrivals({ sinceMs: 0, byMinute }, now);
    account.plan(hasBudget ? pollBudget({ ratePerSecond, pollShare, arrivalsPerSecond }) : null);
  }

  return playDay(parts, {
    isRanked,
    watching: account.watching,
    chanceFinal: account.chanceFinal,
    schedule(now): Schedule {
      const minute = Math.floor(now / minuteMs);
      byMinute.set(minute, (byMinute.get(minute) ?? 0) + 1);
      exchange(now);
      return account.schedule();
    },
    policy(now) {
      exchange(now);
      return account.policy();
    },
  });
}
