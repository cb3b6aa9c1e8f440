import { askedAt, awaitedUntil, deadlineAnswerUntil } from './awaited-answer.ts';
import { type Conclusion, conclusionOf, contradictsPaid, isNews, saysOurMoneyArrived } from './conclusion.ts';
import { isAnswered, type Order, type Reading, type Verdict } from './order.ts';
import { type Candidate, type Progress, publishing, watchedSince } from './progress.ts';
import { deadlineAt, nextPollAt, type Plan, plannedPollAt } from './schedule.ts';

/** Settings of an account that decisions depend on. Times in milliseconds. */
export interface Policy {
  /** A soft reading counts only once a second reading, at least this much later, confirms it. */
  readonly confirmAfterMs: number;
  /** When to poll again after a verdict that may still change, counted from the verdict, ascending. */
  readonly watchMs: readonly number[];
  /** Poll times that replace the exponential schedule until a soft reading is seen. Default: none. */
  readonly plan?: Plan | null;
  /** Since when the clock has run without a jump (`Clock.steadySince`): the age of anything older is unknown. Default: always. */
  readonly steadySince?: number;
}

/** What to do after a reading. */
export interface Decision {
  /** To publish now, as version `progress.stateversion`; `null` to publish nothing. */
  readonly publish: Verdict | null;
  /** When to poll again; `null` when the order is closed. */
  readonly nextPollAt: number | null;
  readonly progress: Progress;
  /** True when the reading contradicts a published `paid`: raises an alarm, never an event. */
  readonly contradictsPaid: boolean;
}

/**
 * Longest interval between retries of an unanswered poll during the watch. Retries go on until the next step of the watch, or
 * after the last step until twice the length of the watch.
 */
const watchRetryMs = 3_600_000;
/**
 * Decides what to publish and when to poll again. The only place where readings become verdicts. Pure.
 *
 * @param random a number in [0, 1) for the jitter of the next poll
 */
export function decide(
  order: Order,
  before: Progress,
  reading: Reading,
  policy: Policy,
  now: number,
  random: number,
): Decision {
  const decision = decideOn(order, before, reading, policy, now, random);
  if (before.withdrawnAt === undefined) return decision;
  // Late truth is still published, but nobody wants to hear more of this order: it is not polled again.
  return { ...decision, nextPollAt: null, progress: { ...decision.progress, phase: 'closed' } };
}

function decideOn(
  order: Order,
  before: Progress,
  reading: Reading,
  policy: Policy,
  now: number,
  random: number,
): Decision {
  const known = count(before, reading);
  const conclusion = conclusionOf(reading, known.moneySeen);

  if (known.verdict?.status === 'paid') {
    return { publish: null, nextPollAt: null, progress: known, contradictsPaid: contradictsPaid(reading) };
  }
  if (conclusion === null) {
    return keepPolling(order, before, withoutDisproved(known, reading), reading, policy, now, random);
  }
  if (conclusion.certainty === 'soft' && !isConfirmed(known.candidate, conclusion, policy, reading)) {
    return keepPolling(
      order,
      before,
      withCandidate(known, conclusion, Math.max(reading.at, now)),
      reading,
      policy,
      now,
      random,
    );
  }
  return conclude(order, before, { ...known, candidate: null }, conclusion, reading, policy, now, random);
}

/**
 * A soft conclusion is confirmed when the answer to an earlier question said the same, and the question of this one was sent at
 * least `confirmAfterMs` after that answer: so the provider said it twice, that far apart, however long its answers took. An answer
 * that was pushed without a question that is still known may repeat the earlier one, and confirms nothing.
 */
function isConfirmed(
  candidate: Candidate | null,
  conclusion: Conclusion,
  policy: Policy,
  reading: Reading,
): boolean {
  return candidate?.kind === conclusion.kind && askedAt(reading) >= confirmableAt(candidate, policy);
}

/** The earliest time at which a second reading may confirm a candidate. */
function confirmableAt(candidate: Candidate, { confirmAfterMs, steadySince = 0 }: Policy): number {
  return Math.max(candidate.at, steadySince) + confirmAfterMs;
}

function withCandidate(known: Progress, conclusion: Conclusion, at: number): Progress {
  if (known.candidate?.kind === conclusion.kind || !isNews(known.verdict, conclusion)) return known;
  return { ...known, candidate: { kind: conclusion.kind, at } };
}

/** A usable answer that disagrees removes the candidate; an unusable one leaves it in place. */
function withoutDisproved(known: Progress, reading: Reading): Progress {
  return isAnswered(reading) ? { ...known, candidate: null } : known;
}

/** Publishes the conclusion unless it is already published, and closes the order or keeps watching it. */
function conclude(
  order: Order,
  before: Progress,
  known: Progress,
  conclusion: Conclusion,
  reading: Reading,
  policy: Policy,
  now: number,
  random: number,
): Decision {
  const publish = isNews(known.verdict, conclusion) ? conclusion.verdict : null;
  const published = publish === null ? known : publishing(known, publish, now);
  if (conclusion.final) return closed(published, publish);
  if (publish === null) return keepPolling(order, before, published, reading, policy, now, random);
  return watch(published, publish, reading, policy, now);
}

/** The reading itself gives nothing new to publish: poll again, or publish `unresolved` at the deadline. */
function keepPolling(
  order: Order,
  before: Progress,
  known: Progress,
  reading: Reading,
  policy: Policy,
  now: number,
  random: number,
): Decision {
  switch (known.phase) {
    case 'closed':
      // A soft reading that arrives after the order was closed still needs its confirmation.
      return known.candidate === null ? closed(known, null) : watch(known, null, reading, policy, now);
    case 'watching':
      return watch(known, null, reading, policy, now);
    case 'asking': {
      const deadline = deadlineAt(order);
      // No verdict `deadline` without a poll after the deadline: an answer counts only if its query was sent after it. While
      // people have paused the account, that poll comes to an unsent reading: the checkout must hear something all the same.
      if (askedAt(reading) >= deadline) {
        const answerUntil =
          before.lastPolledAt === null || before.lastPolledAt < deadline ? deadlineAnswerUntil(reading) : 0;
        if (answerUntil > now) {
          return { publish: null, nextPollAt: answerUntil, progress: known, contradictsPaid: false };
        }
        const verdict: Verdict = { status: 'unresolved', reason: 'deadline' };
        return watch(publishing(known, verdict, now), verdict, reading, policy, now);
      }
      const regular =
        awaited(reading, deadline, now) ??
        usualPollAt(order, known, policy, now, random, notBefore(reading, now));
      const confirm = confirmAt(known, policy, now) ?? regular;
      const at = Math.max(Math.min(confirm, regular, Math.max(deadline, now)), notBefore(reading, now), now);
      return { publish: null, nextPollAt: at, progress: known, contradictsPaid: false };
    }
  }
}

/** The next poll by the plan or the order's schedule. A plan does not apply while a candidate waits for confirmation. */
function usualPollAt(
  order: Order,
  known: Progress,
  { plan }: Policy,
  now: number,
  random: number,
  earliest: number,
): number {
  // A clock that was set back does not make the last poll a future one.
  const sentAt = Math.min(known.lastPolledAt ?? now, now);
  const planned =
    plan && known.candidate === null ? plannedPollAt(order, plan, now, random, earliest, sentAt) : null;
  return planned ?? nextPollAt(order, known.polls, now, random, earliest);
}

/** The next poll of the watch, or its end. */
function watch(
  known: Progress,
  publish: Verdict | null,
  reading: Reading,
  policy: Policy,
  now: number,
): Decision {
  const at = confirmAt(known, policy, now) ?? nextWatchAt(known, reading, policy, now);
  if (at === null) return closed(known, publish);
  return {
    publish,
    nextPollAt: Math.max(at, notBefore(reading, now), awaitedUntil(reading)),
    progress: { ...known, phase: 'watching' },
    contradictsPaid: false,
  };
}

/** An unanswered poll does not use up a step of the watch: it is retried before the next step or at it. */
function nextWatchAt(known: Progress, reading: Reading, policy: Policy, now: number): number | null {
  const since = watchedSince(known) ?? now;
  const step = policy.watchMs.find((ms) => since + ms > now);
  if (isAnswered(reading)) return step === undefined ? null : since + step;
  const last = policy.watchMs.at(-1) ?? 0;
  if (step === undefined && now >= since + 2 * last) return null;
  const retryAt = now + Math.min(unansweredRetryMs(known, policy, now), Math.max(last, 1));
  return step === undefined ? retryAt : Math.min(retryAt, since + step);
}

/** A candidate should not wait an hour for its confirmation: retries start at `confirmAfterMs` and back off exponentially. */
function unansweredRetryMs({ candidate }: Progress, { confirmAfterMs }: Policy, now: number): number {
  if (candidate === null) return watchRetryMs;
  return Math.min(Math.max(now - candidate.at, confirmAfterMs, 1), watchRetryMs);
}

/** When to poll for a candidate's confirmation; `null` once that poll was made but not answered, so the usual times apply. */
function confirmAt(known: Progress, policy: Policy, now: number): number | null {
  if (known.candidate === null) return null;
  const at = confirmableAt(known.candidate, policy);
  return at > now ? at : null;
}

/** While a pushed answer is awaited, the query is not repeated, except at the deadline. */
function awaited(reading: Reading, deadline: number, now: number): number | null {
  const until = awaitedUntil(reading);
  return until <= now ? null : Math.min(until, deadline);
}

function notBefore(reading: Reading, now: number): number {
  return reading.kind === 'unavailable' && reading.retryAfterMs !== null ? now + reading.retryAfterMs : 0;
}

function closed(known: Progress, publish: Verdict | null): Decision {
  return {
    publish,
    nextPollAt: null,
    progress: { ...known, phase: 'closed' },
    contradictsPaid: false,
  };
}

function count(before: Progress, reading: Reading): Progress {
  // A statement answers none of our polls.
  const answered = isAnswered(reading) && reading.source !== 'statement';
  const polled = reading.source === 'poll' && !(reading.kind === 'unavailable' && reading.unsent);
  return {
    ...before,
    polls: before.polls + (polled ? 1 : 0),
    lastPolledAt: polled ? reading.at : before.lastPolledAt,
    answeredPolls: before.answeredPolls + (answered ? 1 : 0),
    lastAnsweredAt: answered ? reading.at : before.lastAnsweredAt,
    moneySeen: before.moneySeen || saysOurMoneyArrived(reading),
  };
}
