import type { Order } from './order.ts';
import type { Progress } from './progress.ts';
import { deadlineAt } from './schedule.ts';

/**
 * Classes of polls, the most valuable first. They decide which polls start first when more are due than the rate limit lets
 * start, and nothing else: never what is decided about an order.
 *
 * - `requested`: a callback or a person asked for it.
 * - `deadline`: the order's deadline has come, and its verdict with it.
 * - `likely`: the payment may well have become final since the last answer, and a customer is probably waiting for it.
 * - `older`: no verdict yet, and either is less likely.
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

/** A prompt is gone from the customer's phone after three minutes at most; until then somebody is probably waiting. */
const customerWaitsMs = 180_000;
/** The share of customers that still wait after that. */
const stillWaiting = 0.25;
/** From this value on (chance that the payment has become final × chance that a customer waits for it) a poll is `likely`. */
const likelyFrom = 0.1;

/**
 * The chance that an order of the account which was not final at one time is final at a later one, both in milliseconds since
 * `createdAt`; `null` while too little is known of its orders.
 */
export type ChanceFinal = (fromMs: number, toMs: number) => number | null;

/** What the class of a poll depends on. */
export interface DuePoll {
  readonly order: Pick<Order, 'createdAt' | 'schedule'>;
  readonly progress: Pick<Progress, 'phase' | 'candidate' | 'lastAnsweredAt'>;
  /** A poll request is pending. */
  readonly isRequested: boolean;
}

/**
 * The class of the poll of an order that is due at `at`. Pure.
 *
 * @param chanceFinal by default unknown: then age alone tells, since most payments become final in their first minutes
 */
export function pollClassOf(
  { order, progress, isRequested }: DuePoll,
  at: number,
  chanceFinal: ChanceFinal = () => null,
): PollClass {
  if (isRequested) return 'requested';
  // A soft answer was seen: the next one is probably final.
  if (progress.candidate !== null) return progress.phase === 'asking' ? 'likely' : 'older';
  if (progress.phase !== 'asking') return 'watch';
  if (at >= deadlineAt(order)) return 'deadline';
  const ageMs = at - order.createdAt;
  const isRecent = ageMs < customerWaitsMs;
  const answeredMs = progress.lastAnsweredAt === null ? 0 : progress.lastAnsweredAt - order.createdAt;
  const chance = chanceFinal(Math.max(answeredMs, 0), ageMs);
  if (chance === null) return isRecent ? 'likely' : 'older';
  return chance * (isRecent ? 1 : stillWaiting) >= likelyFrom ? 'likely' : 'older';
}

/**
 * How much later than `at`, when it is due, the poll of an order counts as due where polls are scarce: the one that counts as
 * due first starts first. Never beyond the order's deadline, whose poll this one may turn out to be. Pure.
 */
export function patienceOf(poll: DuePoll, at: number, chanceFinal?: ChanceFinal): number {
  const patience = patienceMs[pollClassOf(poll, at, chanceFinal)];
  if (poll.progress.phase !== 'asking') return patience;
  return Math.min(patience, Math.max(deadlineAt(poll.order) - at, patienceMs.deadline));
}

/** The class that a patience tells of, for display. An order's first poll has none: it is added before its class is known. */
export function pollClassOfPatience(ms: number): PollClass {
  if (ms >= patienceMs.watch) return 'watch';
  if (ms > patienceMs.likely) return 'older';
  return ms === patienceMs.deadline ? 'deadline' : 'likely';
}
