import type { Order } from './order.ts';
import type { Progress } from './progress.ts';
import { deadlineAt } from './schedule.ts';

/**
 * Classes of polls, the most valuable first. They decide which polls start first when more are due than the rate limit lets
 * start, and nothing else: never what is decided about an order.
 *
 * - `requested`: a callback or a person asked for it.
 * - `deadline`: the order's deadline has come, and its verdict with it.
 * - `likely`: a customer is probably waiting, and the payment may well be final by now.
 * - `older`: no verdict yet, but the customer's prompt is gone.
 * - `watch`: the verdict is published, and may still change.
 */
export const pollClasses = ['requested', 'deadline', 'likely', 'older', 'watch'] as const;
export type PollClass = (typeof pollClasses)[number];

/**
 * How much later than it is due a poll of a class counts as due, in milliseconds; whole seconds. A poll is overtaken only by
 * more valuable ones that come due within this time after it, so no class starves.
 */
export const patienceMs: { readonly [pollClass in PollClass]: number } = {
  requested: 0,
  deadline: 1_000,
  likely: 5_000,
  older: 120_000,
  watch: 1_800_000,
};

/** A prompt is gone from the customer's phone after three minutes at most; until then somebody may be waiting. */
const customerWaitsMs = 180_000;

/** What the class of a poll depends on. */
export interface DuePoll {
  readonly order: Pick<Order, 'createdAt' | 'schedule'>;
  readonly progress: Pick<Progress, 'phase' | 'candidate'>;
  /** A poll request is pending. */
  readonly isRequested: boolean;
}

/** The class of the poll of an order that is due at `at`. Pure. */
export function pollClassOf({ order, progress, isRequested }: DuePoll, at: number): PollClass {
  if (isRequested) return 'requested';
  // A soft answer was seen: the next one is probably final.
  if (progress.candidate !== null) return progress.phase === 'asking' ? 'likely' : 'older';
  if (progress.phase !== 'asking') return 'watch';
  if (at >= deadlineAt(order)) return 'deadline';
  return at - order.createdAt < customerWaitsMs ? 'likely' : 'older';
}

/**
 * How much later than `at`, when it is due, the poll of an order counts as due where polls are scarce: the one that counts as
 * due first starts first. Never beyond the order's deadline, whose poll this one may turn out to be. Pure.
 */
export function patienceOf(poll: DuePoll, at: number): number {
  const patience = patienceMs[pollClassOf(poll, at)];
  if (poll.progress.phase !== 'asking') return patience;
  return Math.min(patience, Math.max(deadlineAt(poll.order) - at, patienceMs.deadline));
}

/** The class that a patience tells of, for display. An order's first poll has none: it is added before its class is known. */
export function pollClassOfPatience(ms: number): PollClass {
  if (ms >= patienceMs.watch) return 'watch';
  if (ms > patienceMs.likely) return 'older';
  return ms === patienceMs.deadline ? 'deadline' : 'likely';
}
