import type { Reading } from './order.ts';

/**
 * How long, in ms, the `unresolved/deadline` verdict waits for the pushed answer to the query sent at the deadline. A shorter
 * result timeout of the account takes precedence.
 */
export const deadlineAnswerMs = 300_000;

/** Until when the pushed answer is awaited whose query this reading acknowledges; 0 where none is expected. */
export function awaitedUntil(reading: Reading): number {
  return reading.kind === 'pending' ? (reading.awaitedUntil ?? 0) : 0;
}

/** Until when the deadline's verdict waits for the pushed answer. */
export function deadlineAnswerUntil(reading: Reading): number {
  return Math.min(awaitedUntil(reading), reading.at + deadlineAnswerMs);
}

/** When the poll or query was sent that a reading answers; 0 if unknown. */
export function askedAt(reading: Reading): number {
  return reading.source === 'poll' ? reading.at : (reading.askedAt ?? 0);
}
