import { decide, type Policy } from '../../src/domain/decide.ts';
import type { Order, Reading, ReadingFacts, Schedule } from '../../src/domain/order.ts';
import { freshProgress, type Progress } from '../../src/domain/progress.ts';
import { firstPollAt } from '../../src/domain/schedule.ts';
import type { Random } from '../../test/support/random.ts';
import { type Behaviour, drawAnswerMs, type Payment } from './behaviour.ts';

/** How one order went. Times in milliseconds. */
export interface Played {
  /** From the final status to the moment at which the provider looked at the payment for us; `null`: never seen. */
  readonly lagMs: number | null;
  /** From the final status to the verdict: with the rest of the answer, and the second reading of a soft word. */
  readonly verdictMs: number | null;
  /** Until one saw the final status, or the asking ended. */
  readonly polls: number;
  /** Further ones, to confirm a soft word. */
  readonly confirmations: number;
}

/** What is told of every reading, as the observer of the poll worker is told. */
export type Watching = (order: Order, before: Progress, reading: Reading) => void;

/** Plays an order by the project's own `decide`, until its first verdict. */
export function playOurs(
  payment: Payment,
  behaviour: Behaviour,
  policy: Policy,
  schedule: Schedule,
  random: Random,
  watching: Watching = () => {},
): Played {
  const order: Order = { ...anyOrder, schedule };
  let progress = freshProgress;
  let [polls, confirmations] = [0, 0];
  let lagMs: number | null = null;
  for (let at: number | null = firstPollAt(order); at !== null; ) {
    const answerMs = drawAnswerMs(behaviour, random);
    const seenAt = at + answerMs / 2;
    const isFinal = seenAt >= payment.finalMs;
    const reading = readingOf(payment, isFinal, at);
    watching(order, progress, reading);
    if (lagMs === null) polls += 1;
    else confirmations += 1;
    if (isFinal) lagMs ??= seenAt - payment.finalMs;
    const now = at + answerMs;
    const decision = decide(order, progress, reading, policy, now, random.next());
    if (decision.publish !== null) {
      return { lagMs, verdictMs: lagMs === null ? null : now - payment.finalMs, polls, confirmations };
    }
    progress = decision.progress;
    at = decision.nextPollAt;
  }
  throw new Error('An order ended without a verdict.');
}

/** Plays a loop that waits, asks, and waits again, believes the first final word, and gives up after its last wait. */
export function playLoop(
  payment: Payment,
  behaviour: Behaviour,
  waitsMs: readonly number[],
  random: Random,
): Played {
  let now = 0;
  for (const [nth, waitMs] of waitsMs.entries()) {
    const answerMs = drawAnswerMs(behaviour, random);
    const seenAt = now + waitMs + answerMs / 2;
    now += waitMs + answerMs;
    if (seenAt < payment.finalMs) continue;
    return {
      lagMs: seenAt - payment.finalMs,
      verdictMs: now - payment.finalMs,
      polls: nth + 1,
      confirmations: 0,
    };
  }
  return { lagMs: null, verdictMs: null, polls: waitsMs.length, confirmations: 0 };
}

/** An order of no account in particular. */
export const anyOrder: Omit<Order, 'schedule'> = {
  orderId: 'bench',
  account: 'bench',
  provider: 'bench',
  reference: 'bench',
  amountMinor: 100,
  currency: 'KES',
  createdAt: 0,
  metadata: {},
};

/** What a poll sent at `at` finds. */
export function readingOf({ reading, certainty }: Payment, isFinal: boolean, at: number): Reading {
  const facts: ReadingFacts = {
    source: 'poll',
    at,
    httpStatus: 200,
    providerStatus: null,
    providerMessage: null,
    bodySha256: null,
  };
  if (!isFinal) return { ...facts, kind: 'pending' };
  if (reading !== 'paid') return { ...facts, kind: reading, certainty, reason: 'cancelled' };
  return {
    ...facts,
    kind: 'paid',
    certainty: 'firm',
    doubt: null,
    receipt: 'bench',
    amountReceivedMinor: 100,
    paidAt: null,
  };
}
