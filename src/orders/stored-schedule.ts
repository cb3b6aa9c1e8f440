import type { Schedule } from '../order.ts';

/** A schedule as a record keeps it: its numbers, in this order. */
const names = [
  'firstPollAfterMs',
  'initialIntervalMs',
  'factor',
  'maxIntervalMs',
  'jitter',
  'deadlineMs',
] as const satisfies (keyof Schedule)[];

export const storedScheduleLength = names.length;

export function toStoredSchedule(schedule: Schedule): number[] {
  return names.map((name) => schedule[name]);
}

/** @param stored `storedScheduleLength` numbers */
export function fromStoredSchedule(stored: readonly number[]): Schedule {
  return Object.fromEntries(names.map((name, nth) => [name, stored[nth]])) as unknown as Schedule;
}
