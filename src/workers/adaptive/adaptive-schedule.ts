import type { LagLog } from '../../accounts/lag-log.ts';
import type { Policy } from '../../domain/decide.ts';
import type { Schedule } from '../../domain/order.ts';
import type { ChanceFinal } from '../../domain/poll-class.ts';
import type { Plan } from '../../domain/schedule.ts';
import type { UsualTimes } from '../../providers/usual-times.ts';
import type { PollObserver } from '../poll-observer.ts';
import { hasChanged, pollBudget } from './budget.ts';
import type { CompletionLog } from './completion-log.ts';
import { type CompletionTimes, chanceFinalOf, sightingOf, weightOf } from './completion-times.ts';
import { expectedLagMs } from './gain.ts';
import { enoughOrders, planPollTimes } from './plan.ts';
import { withUsualTimes } from './prior.ts';

/**
 * What one process learns from the readings of an account, and the polls that it plans by it. Accounts with the exponential
 * schedule learn too, so that `doctor` can say what they would gain; they plan nothing.
 */
export interface AdaptiveSchedule {
  /** The account's policy, with the plan of the moment. */
  readonly policy: Policy;
  /** By the completion times of the last exchange; `null` while fewer than `enoughOrders` are known. */
  readonly chanceFinal: ChanceFinal;
  /** Receives every reading. */
  readonly observer: PollObserver;
  /** Writes what was learnt last. */
  close(): Promise<void>;
}

export interface AdaptiveScheduleParts {
  readonly log: CompletionLog;
  readonly lags: LagLog;
  readonly policy: Policy;
  /** The account's exponential schedule: in force while there is no plan, and what one is compared with. */
  readonly schedule: Schedule;
  /** `null`: the account has the exponential schedule, and only learns. */
  readonly planning: PlanningParts | null;
  /** How often this process exchanges with the others what it learnt. */
  readonly everyMs: number;
  /** Redis could not be reached, which only delays learning. */
  failed(error: Error): void;
}

export interface PlanningParts {
  readonly minIntervalMs: number;
  /** Status requests per second that the account may send, over all processes. */
  readonly ratePerSecond: number;
  /** The share of them that polls before the verdict may use. */
  readonly pollShare: number;
  /** What is assumed of the provider until the account has observed enough orders. */
  readonly usualTimes: UsualTimes | undefined;
  /** New orders per second; `null` while unknown. */
  arrivalsPerSecond(): Promise<number | null>;
  /** Makes known to producers when an order is to be polled first. */
  announce(firstPollAfterMs: number): Promise<void>;
}

/** New orders after which a new plan is made: fewer change little, and a plan takes some 15 ms of computing. */
const planEveryOrders = 50;

export function createAdaptiveSchedule(parts: AdaptiveScheduleParts): AdaptiveSchedule {
  const { log, lags, schedule, planning } = parts;
  let plan: Plan | null = null;
  let planned: { readonly seen: number; readonly budget: number | null } | null = null;
  let expectedMs: number | null = null;
  let chanceFinal: ChanceFinal = () => null;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function exchange(): Promise<void> {
    const isNews = log.hasNotes();
    // An account that only learns, and where nothing happens, costs nothing.
    if (planning === null && !isNews) return;
    const { times, seen } = await log.exchange();
    const known = withUsualTimes(times, planning?.usualTimes);
    chanceFinal = weightOf(known) < enoughOrders ? () => null : chanceFinalOf(known);
    if (planning === null) expectedMs = expectedLagMs(known, schedule, null);
    else await planAnew(planning, known, seen);
    await lags.write(expectedMs);
    // Every time: a process that starts announces the first poll of its configuration.
    await planning?.announce(plan?.times[0] ?? schedule.firstPollAfterMs);
  }

  async function planAnew(
    { minIntervalMs, ...limits }: PlanningParts,
    known: CompletionTimes,
    seen: number,
  ): Promise<void> {
    const budget = pollBudget({ ...limits, arrivalsPerSecond: await limits.arrivalsPerSecond() });
    // Fewer than before: the histogram was removed, and begins anew.
    const isDue = planned === null || seen >= planned.seen + planEveryOrders || seen < planned.seen;
    if (!isDue && !hasChanged(planned?.budget ?? null, budget)) return;
    planned = { seen, budget };
    const former = plan?.times ?? null;
    const times = planPollTimes({ known, schedule, minIntervalMs, budget, former });
    plan = times === null ? null : { schedule, times, minIntervalMs };
    expectedMs = expectedLagMs(known, schedule, times);
  }

  async function turn(): Promise<void> {
    await exchange().catch(parts.failed);
    if (!isClosed) timer = setTimeout(() => void turn(), parts.everyMs);
  }

  void turn();
  return {
    policy: {
      ...parts.policy,
      get plan() {
        return plan;
      },
    },
    chanceFinal: (fromMs, toMs) => chanceFinal(fromMs, toMs),
    observer: {
      reading({ order, progress, hintAt }, reading) {
        const observation = sightingOf(order, progress, hintAt, reading);
        if (observation === null) return;
        log.note(observation);
        // What a callback announced was not found by the schedule.
        const isFound = observation !== 'never' && observation.toMs > observation.fromMs;
        if (isFound) lags.note(observation.toMs - observation.fromMs);
      },
      published: () => {},
      contradiction: () => {},
      unknownWord: () => {},
      changedProvider: () => {},
      neglected: () => {},
      breaker: () => {},
      error: () => {},
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await log.exchange().catch(parts.failed);
    },
  };
}
