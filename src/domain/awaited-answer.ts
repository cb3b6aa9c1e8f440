import type { Reading } from './order.ts';

/**
 * A gateway that only takes the deadline's own query, and pushes its answer, has this long to do so (or its result timeout,
 * where that is shorter) before `unresolved/deadline` is published without it.
 */
export const deadlineAnswerMs = 300_000;

/** When the query that a reading acknowledges counts as lost; 0 where no answer is to be pushed. */
export function awaitedUntil(reading: Reading): number {
  return reading.kind === 'pending' ? (reading.awaitedUntil ?? 0) : 0;
}

/** Until when the verdict waits for the answer to the deadline's own query. */
export function deadlineAnswerUntil(reading: Reading): number {
  return Math.min(awaitedUntil(reading), reading.at + deadlineAnswerMs);
}

/** When the question was asked that a reading answers; 0 where that is not known. */
export function askedAt(reading: Reading): number {
  return reading.source === 'poll' ? reading.at : (reading.askedAt ?? 0);
}
