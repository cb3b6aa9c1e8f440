import { decide, type Policy } from '../../../src/domain/decide.ts';
import type { Order, Reading, Schedule } from '../../../src/domain/order.ts';
import { type ChanceFinal, type PollClass, patienceOf, pollClassOf } from '../../../src/domain/poll-class.ts';
import { freshProgress, type Progress } from '../../../src/domain/progress.ts';
import { deadlineAt, firstPollAt } from '../../../src/domain/schedule.ts';
import type { Random } from '../../../test/support/random.ts';
import { type Behaviour, drawAnswerMs } from '../behaviour.ts';
import { anyOrder, readingOf } from '../play.ts';
import type { Arrival } from './arrivals.ts';
import { createSimulatedBreaker } from './breaker.ts';
import { createHeap } from './heap.ts';
import { createLimiter, createProviderLimit } from './limiter.ts';

/** How the account polls. */
export interface Account {
  /** The schedule of an order that arrives now. */
  schedule(now: number): Schedule;
  policy(now: number): Policy;
  /** What it knows of its completion times. */
  readonly chanceFinal: ChanceFinal;
  watching(order: Order, before: Progress, reading: Reading): void;
  /** Polls start by class when more are due than may start; otherwise as they come due. */
  readonly isRanked: boolean;
}

/** How one order went. Times in milliseconds. */
export interface DayOrder {
  readonly arrival: Arrival;
  /** From the final status to the moment at which the provider looked at it for us; `null`: not yet. */
  lagMs: number | null;
  /** From the final status to the verdict that says it. */
  verdictMs: number | null;
  /** From the deadline to the poll that it wants; `null`: final before, or no such poll yet. */
  deadlineLateMs: number | null;
  /** Until one saw the final status. */
  polls: number;
}

export interface PlayedDay {
  readonly orders: readonly DayOrder[];
  /** How long after they were due the polls of each class started, with the times at which they were due. */
  readonly waits: ReadonlyMap<PollClass, { readonly dueAt: number; readonly waitedMs: number }[]>;
  readonly polls: number;
  /** Requests that the provider's own limit turned away. */
  readonly rejected: number;
  /** The most requests in any second. */
  readonly mostPerSecond: number;
  /** Orders without a verdict, sampled once a minute. */
  readonly open: readonly { readonly at: number; readonly orders: number }[];
  /** Orders past their deadline that were never polled after it. */
  readonly missedDeadlines: number;
}

export interface DayParts {
  readonly arrivals: readonly Arrival[];
  readonly behaviour: Behaviour;
  readonly ratePerSecond: number;
  readonly outages: readonly { readonly fromMs: number; readonly toMs: number }[];
  readonly random: Random;
  /** Nothing is polled after this. */
  readonly untilMs: number;
}

interface Job extends DayOrder {
  readonly order: Order;
  progress: Progress;
  dueAt: number;
  pollClass: PollClass;
  /** When it counts as due where polls are scarce. */
  rankAt: number;
}

const minuteMs = 60_000;

/** Plays days of orders of one account through the project's own `decide`, limiter and classes, in virtual time. */
export function playDay(parts: DayParts, account: Account): PlayedDay {
  const { arrivals, behaviour, ratePerSecond, outages, random, untilMs } = parts;
  const limiter = createLimiter(ratePerSecond);
  const provider = createProviderLimit(ratePerSecond);
  const breaker = createSimulatedBreaker(ratePerSecond);
  const delayed = createHeap<Job>();
  const due = createHeap<Job>();
  const answers = createHeap<() => void>();
  const jobs: Job[] = [];
  const waits: Map<PollClass, { dueAt: number; waitedMs: number }[]> = new Map();
  const open: { at: number; orders: number }[] = [];
  let [polls, rejected, arrived, asking, sampledAt] = [0, 0, 0, 0, 0];

  function wait(job: Job, at: number): void {
    job.dueAt = at;
    const poll = { order: job.order, progress: job.progress, isRequested: false };
    job.pollClass = pollClassOf(poll, at, account.chanceFinal);
    // As in the service: a job that was just added says nothing yet.
    job.rankAt = at + (job.polls === 0 ? 0 : patienceOf(poll, at, account.chanceFinal));
    delayed.push(at, job);
  }

  function arrive(arrival: Arrival): void {
    const { createdAt } = arrival;
    const order: Order = { ...anyOrder, createdAt, schedule: account.schedule(createdAt) };
    const job: Job = {
      ...{ arrival, order, progress: freshProgress, dueAt: 0, pollClass: 'likely', rankAt: 0 },
      ...{ lagMs: null, verdictMs: null, deadlineLateMs: null, polls: 0 },
    };
    jobs.push(job);
    asking += 1;
    wait(job, firstPollAt(order));
  }

  function start(job: Job, now: number): void {
    const { order, progress } = job;
    const deadline = progress.phase === 'asking' ? deadlineAt(order) : Number.POSITIVE_INFINITY;
    const waitUntil = breaker.waitUntil(now, deadline);
    if (waitUntil !== null) {
      wait(job, waitUntil);
      return;
    }
    const list = waits.get(job.pollClass) ?? [];
    waits.set(job.pollClass, list);
    list.push({ dueAt: job.dueAt, waitedMs: now - job.dueAt });
    polls += 1;
    if (job.lagMs === null) job.polls += 1;
    if (progress.phase === 'asking' && now >= deadline) job.deadlineLateMs ??= now - deadline;
    const answerMs = Math.round(drawAnswerMs(behaviour, random));
    const seenAt = now + answerMs / 2;
    const isOut = outages.some(({ fromMs, toMs }) => seenAt >= fromMs && seenAt < toMs);
    const isRejected = !provider.admit(now);
    if (isRejected) rejected += 1;
    const isAnswered = !isOut && !isRejected;
    answers.push(now + answerMs, () => take(job, now, seenAt, now + answerMs, isAnswered));
  }

  function take(job: Job, sentAt: number, seenAt: number, now: number, isAnswered: boolean): void {
    const { order, progress, arrival } = job;
    breaker.report(sentAt, now, isAnswered);
    const finalAt = arrival.createdAt + arrival.payment.finalMs;
    const isFinal = isAnswered && seenAt >= finalAt;
    const reading = isAnswered ? readingOf(arrival.payment, isFinal, sentAt) : unavailable(sentAt);
    account.watching(order, progress, reading);
    if (isFinal) job.lagMs ??= seenAt - finalAt;
    const decision = decide(order, progress, reading, account.policy(now), now, random.next());
    if (progress.phase === 'asking' && decision.progress.phase !== 'asking') asking -= 1;
    if (decision.publish !== null && decision.publish.status !== 'unresolved')
      job.verdictMs ??= now - finalAt;
    job.progress = decision.progress;
    if (decision.nextPollAt !== null) wait(job, decision.nextPollAt);
  }

  for (let now = 0; ; ) {
    const next = Math.min(
      ...[arrivals[arrived]?.createdAt ?? Number.POSITIVE_INFINITY, delayed.head(), answers.head()],
      due.size > 0 ? limiter.nextAt(now) : Number.POSITIVE_INFINITY,
    );
    if (next > untilMs) break;
    now = Math.max(now, next);
    for (; sampledAt <= now; sampledAt += minuteMs) open.push({ at: sampledAt, orders: asking });
    while ((arrivals[arrived]?.createdAt ?? Number.POSITIVE_INFINITY) <= now) {
      arrive(arrivals[arrived] as Arrival);
      arrived += 1;
    }
    while (answers.head() <= now) answers.pop()?.();
    while (delayed.head() <= now) {
      const job = delayed.pop() as Job;
      due.push(account.isRanked ? job.rankAt : job.dueAt, job);
    }
    if (due.size > 0 && limiter.nextAt(now) <= now) {
      limiter.start(now);
      start(due.pop() as Job, now);
    }
  }
  const missedDeadlines = jobs.filter(
    ({ order, progress, deadlineLateMs }) =>
      progress.phase === 'asking' && deadlineLateMs === null && deadlineAt(order) < untilMs - minuteMs,
  ).length;
  return { orders: jobs, waits, polls, rejected, mostPerSecond: provider.most(), open, missedDeadlines };
}

/** A loop without a rate limit or a breaker, which asks each order so often at the same interval, and then gives it up. */
export function playDayLoop(
  { arrivals, behaviour, ratePerSecond, outages, random }: DayParts,
  intervalMs: number,
  tries: number,
): PlayedDay {
  const provider = createProviderLimit(ratePerSecond);
  const due = createHeap<{ readonly order: DayOrder; readonly nth: number }>();
  const orders = arrivals.map((arrival): DayOrder => {
    return { arrival, lagMs: null, verdictMs: null, deadlineLateMs: null, polls: 0 };
  });
  for (const order of orders) due.push(order.arrival.createdAt + intervalMs, { order, nth: 1 });
  let [polls, rejected] = [0, 0];
  for (let now = due.head(); Number.isFinite(now); now = due.head()) {
    const { order, nth } = due.pop() as { order: DayOrder; nth: number };
    const answerMs = Math.round(drawAnswerMs(behaviour, random));
    const seenAt = now + answerMs / 2;
    const finalAt = order.arrival.createdAt + order.arrival.payment.finalMs;
    polls += 1;
    order.polls += 1;
    const isRejected = !provider.admit(now);
    if (isRejected) rejected += 1;
    const isOut = outages.some(({ fromMs, toMs }) => seenAt >= fromMs && seenAt < toMs);
    if (seenAt >= finalAt && !isOut && !isRejected) {
      order.lagMs = seenAt - finalAt;
      order.verdictMs = now + answerMs - finalAt;
    } else if (nth < tries) due.push(now + answerMs + intervalMs, { order, nth: nth + 1 });
  }
  return {
    ...{ orders, waits: new Map(), polls, rejected, mostPerSecond: provider.most(), open: [] },
    missedDeadlines: 0,
  };
}

function unavailable(at: number): Reading {
  return {
    ...{ kind: 'unavailable', throttled: false, retryAfterMs: null, source: 'poll', at, httpStatus: 503 },
    ...{ providerStatus: null, providerMessage: null, bodySha256: null },
  };
}
