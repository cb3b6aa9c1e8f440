import type { Policy } from '../../domain/decide.ts';
import type { Schedule } from '../../domain/order.ts';
import type { Plan } from '../../domain/schedule.ts';
import type { PollObserver } from '../poll-observer.ts';
import type { CompletionLog } from './completion-log.ts';
import { sightingOf } from './completion-times.ts';
import { planPollTimes } from './plan.ts';

/** The adaptive schedule of one account in one process: learns from its readings, and plans its polls. */
export interface AdaptiveSchedule {
  /** The account's policy, with the plan of the moment. */
  readonly policy: Policy;
  /** To be told of every reading. */
  readonly observer: PollObserver;
  /** Hands over what was learnt last. */
  close(): Promise<void>;
}

export interface AdaptiveScheduleParts {
  readonly log: CompletionLog;
  readonly policy: Policy;
  /** The account's exponential schedule: in force while there is no plan, and the measure of how many polls one may cost. */
  readonly schedule: Schedule;
  readonly minIntervalMs: number;
  /** How often this process tells the others what it learnt, and looks what they did. */
  readonly everyMs: number;
  /** Makes known to producers when an order is to be polled first. */
  announce(firstPollAfterMs: number): Promise<void>;
  /** Redis could not be reached, which only delays learning. */
  failed(error: Error): void;
}

/** New orders after which a new plan is made: fewer change little, and a plan takes some 25 ms of computing. */
const planEveryOrders = 50;

export function createAdaptiveSchedule(parts: AdaptiveScheduleParts): AdaptiveSchedule {
  const { log, schedule, minIntervalMs } = parts;
  let plan: Plan | null = null;
  let plannedAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function exchange(): Promise<void> {
    const { times: known, seen } = await log.exchange();
    // Fewer than before: the histogram was removed, and begins anew.
    if (seen >= plannedAt + planEveryOrders || seen < plannedAt) {
      const times = planPollTimes(known, schedule, minIntervalMs, plan?.times);
      plan = times === null ? null : { schedule, times, minIntervalMs };
      plannedAt = seen;
    }
    // Every time: a process that starts announces the first poll of its configuration.
    await parts.announce(plan?.times[0] ?? schedule.firstPollAfterMs);
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
    observer: {
      reading({ order, progress, hintAt }, reading) {
        const observation = sightingOf(order, progress, hintAt, reading);
        if (observation !== null) log.note(observation);
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
