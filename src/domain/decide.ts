import { askedAt, awaitedUntil, deadlineAnswerUntil } from './awaited-answer.ts';
import { type Conclusion, conclusionOf, contradictsPaid, isNews, saysOurMoneyArrived } from './conclusion.ts';
import { isAnswered, type Order, type Reading, type Verdict } from './order.ts';
import { deadlineAt, nextPollAt, type Plan, plannedPollAt } from './schedule.ts';

/** How an account wants doubt to be handled. Times in milliseconds. */
export interface Policy {
  /** A soft reading counts only when a second one, at least this much later, agrees. */
  readonly confirmAfterMs: number;
  /** When to ask again after a verdict that may still turn, counted from the verdict, ascending. */
  readonly watchMs: readonly number[];
  /** When to ask before anything final is seen, in place of the exponential schedule; absent or `null`: nothing planned. */
  readonly plan?: Plan | null;
  /** Since when the clock is known to have run steadily: of what is older, nobody knows how long ago it was. Default: ever. */
  readonly steadySince?: number;
}

/** `asking`: no verdict yet. `watching`: a verdict is out that may still turn. `closed`: nothing is asked any more. */
export type Phase = 'asking' | 'watching' | 'closed';

/** A soft reading that waits for a second one to agree. */
export interface Candidate {
  readonly kind: 'paid' | 'failed' | 'expired';
  readonly at: number;
}

/** What is known of an order so far. */
export interface Progress {
  readonly phase: Phase;
  /** 0 until something is published, then the version of the last event. */
  readonly stateversion: number;
  /** The last published verdict. */
  readonly verdict: (Verdict & { readonly at: number }) | null;
  /** When the watch began: at the last verdict, but for orders whose verdict turns again and again. */
  readonly watchedSince: number | null;
  readonly candidate: Candidate | null;
  /** True once the provider has said, however doubtfully, that our money arrived. From then on nothing is `failed`. */
  readonly moneySeen: boolean;
  readonly polls: number;
  readonly lastPolledAt: number | null;
  /** Polls that got a usable answer about the order. */
  readonly answeredPolls: number;
  readonly lastAnsweredAt: number | null;
}

export const freshProgress: Progress = {
  phase: 'asking',
  stateversion: 0,
  verdict: null,
  watchedSince: null,
  candidate: null,
  moneySeen: false,
  polls: 0,
  lastPolledAt: null,
  answeredPolls: 0,
  lastAnsweredAt: null,
};

/** What to do after a reading. */
export interface Decision {
  /** To publish now, as version `progress.stateversion`; `null`: nothing to say. */
  readonly publish: Verdict | null;
  /** When to ask again; `null`: never, the order is closed. */
  readonly nextPollAt: number | null;
  readonly progress: Progress;
  /** True when the reading speaks against a published `paid`: an alarm, never an event. */
  readonly contradictsPaid: boolean;
}

/**
 * An unanswered poll of the watch is repeated within this time, until the next step of the watch; after the last step, at
 * most until twice the watch has passed.
 */
const watchRetryMs = 3_600_000;
/** Corrections after which the watch no longer begins anew. */
const restartLimit = 10;

/**
 * The one place where readings become verdicts. Pure: the same order, progress, reading, time and random number give the
 * same decision.
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
  const known = count(before, reading);
  const conclusion = conclusionOf(reading, known.moneySeen);

  if (known.verdict?.status === 'paid') {
    return { publish: null, nextPollAt: null, progress: known, contradictsPaid: contradictsPaid(reading) };
  }
  if (conclusion === null) {
    return keepPolling(order, before, withoutDisproved(known, reading), reading, policy, now, random);
  }
  if (conclusion.certainty === 'soft' && !isConfirmed(known.candidate, conclusion, policy, reading.at)) {
    return keepPolling(
      order,
      before,
      withCandidate(known, conclusion, reading.at),
      reading,
      policy,
      now,
      random,
    );
  }
  return conclude(order, before, { ...known, candidate: null }, conclusion, reading, policy, now, random);
}

/** A soft conclusion is believed when an earlier reading of the same kind is at least `confirmAfterMs` old. */
function isConfirmed(
  candidate: Candidate | null,
  conclusion: Conclusion,
  policy: Policy,
  at: number,
): boolean {
  return candidate?.kind === conclusion.kind && at >= confirmableAt(candidate, policy);
}

/** From when on a second reading may confirm a candidate. */
function confirmableAt(candidate: Candidate, { confirmAfterMs, steadySince = 0 }: Policy): number {
  return Math.max(candidate.at, steadySince) + confirmAfterMs;
}

function withCandidate(known: Progress, conclusion: Conclusion, at: number): Progress {
  if (known.candidate?.kind === conclusion.kind || !isNews(known.verdict, conclusion)) return known;
  return { ...known, candidate: { kind: conclusion.kind, at } };
}

/** An answer that knows something else ends a candidate; one that knows nothing leaves it standing. */
function withoutDisproved(known: Progress, reading: Reading): Progress {
  return isAnswered(reading) ? { ...known, candidate: null } : known;
}

/** Publishes the conclusion unless the stream already says so, and closes the order or watches it further. */
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

/** Nothing (new) to publish from the reading itself: speak at the deadline, or ask again. */
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
      // A soft word that came in after the end deserves its second reading as much as any.
      return known.candidate === null ? closed(known, null) : watch(known, null, reading, policy, now);
    case 'watching':
      return watch(known, null, reading, policy, now);
    case 'asking': {
      const deadline = deadlineAt(order);
      // An answer that was on its way before the deadline, or was pushed, is not the poll that the deadline wants, unless
      // it answers a query that was sent after the deadline.
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

/** The next poll by the account's schedule. A plan is for orders of which nothing final was seen. */
function usualPollAt(
  order: Order,
  known: Progress,
  { plan }: Policy,
  now: number,
  random: number,
  earliest: number,
): number {
  const planned = plan && known.candidate === null ? plannedPollAt(order, plan, now, random, earliest) : null;
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

/** An unanswered poll uses up no step of the watch: it is repeated before the next one, or at it. */
function nextWatchAt(known: Progress, reading: Reading, policy: Policy, now: number): number | null {
  const since = watchedSince(known) ?? now;
  const step = policy.watchMs.find((ms) => since + ms > now);
  if (isAnswered(reading)) return step === undefined ? null : since + step;
  const last = policy.watchMs.at(-1) ?? 0;
  if (step === undefined && now >= since + 2 * last) return null;
  const retryAt = now + Math.min(unansweredRetryMs(known, policy, now), Math.max(last, 1));
  return step === undefined ? retryAt : Math.min(retryAt, since + step);
}

/** A reading that waits for its second one is not left waiting for an hour: its retries begin close and double. */
function unansweredRetryMs({ candidate }: Progress, { confirmAfterMs }: Policy, now: number): number {
  if (candidate === null) return watchRetryMs;
  return Math.min(Math.max(now - candidate.at, confirmAfterMs, 1), watchRetryMs);
}

/** When a candidate wants its second reading. A confirmation that already went unanswered falls back to the usual times. */
function confirmAt(known: Progress, policy: Policy, now: number): number | null {
  if (known.candidate === null) return null;
  const at = confirmableAt(known.candidate, policy);
  return at > now ? at : null;
}

/** A query under way is not repeated before it counts as lost, but at the deadline. */
function awaited(reading: Reading, deadline: number, now: number): number | null {
  const until = awaitedUntil(reading);
  return until <= now ? null : Math.min(until, deadline);
}

function notBefore(reading: Reading, now: number): number {
  return reading.kind === 'unavailable' && reading.retryAfterMs !== null ? now + reading.retryAfterMs : 0;
}

/** Records of an earlier version know only their last verdict. */
function watchedSince(known: Progress): number | null {
  return known.watchedSince ?? known.verdict?.at ?? null;
}

function publishing(known: Progress, verdict: Verdict, now: number): Progress {
  // A provider that contradicts itself for ever is not asked for ever.
  const since = known.stateversion < restartLimit ? now : watchedSince(known);
  return {
    ...known,
    stateversion: known.stateversion + 1,
    verdict: { ...verdict, at: now },
    watchedSince: since,
  };
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
  const answered = isAnswered(reading);
  const polled = reading.source === 'poll';
  return {
    ...before,
    polls: before.polls + (polled ? 1 : 0),
    lastPolledAt: polled ? reading.at : before.lastPolledAt,
    answeredPolls: before.answeredPolls + (answered ? 1 : 0),
    lastAnsweredAt: answered ? reading.at : before.lastAnsweredAt,
    moneySeen: before.moneySeen || saysOurMoneyArrived(reading),
  };
}
