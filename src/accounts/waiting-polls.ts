import { type PollClass, pollClasses, pollClassOfPatience } from '../domain/poll-class.ts';
import type { Redis } from '../redis/connection.ts';

/** Polls that are due and have not started, by class. */
export type WaitingPolls = { readonly [pollClass in PollClass]: number };

/** Read at most; of more, the most overdue ones are counted by class. */
const most = 500;

/**
 * Counts the due polls of an account's queue by their class, from what their jobs carry. BullMQ's waiting jobs are the requested
 * ones.
 *
 * @param toKey names a key of the queue
 */
export async function countWaitingPolls(
  redis: Redis,
  toKey: (name: string) => string,
  now: number,
): Promise<WaitingPolls> {
  const last = String((now + 1) * 4_096 - 1);
  const [due, requested] = await Promise.all([
    redis.zrange(toKey('delayed'), '0', last, 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES'),
    redis.llen(toKey('wait')),
  ]);
  const counts = Object.fromEntries(pollClasses.map((each) => [each, 0])) as { [name in PollClass]: number };
  for (let nth = 1; nth < due.length; nth += 2) {
    counts[pollClassOfPatience(1_000 * (Number(due[nth]) % 4_096))] += 1;
  }
  return { ...counts, requested };
}
