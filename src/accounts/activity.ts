import { isAnswered, type Reading } from '../domain/order.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

/** When an account was last polled and last answered, and its poll rate. */
export interface Activity {
  readonly polledAt: number | null;
  readonly answeredAt: number | null;
  /** Polls in roughly the last minute, over all processes. */
  readonly pollsPerMinute: number;
}

/** Records the polls of one account for display, with at most one write a second. */
export interface ActivityLog {
  note(reading: Reading): void;
  /** Writes what is still pending. */
  close(): Promise<void>;
}

const writeEveryMs = 1_000;
const minuteMs = 60_000;

/** A failed write is reported to `failed` and not retried: the figures are only for display. */
export function createActivityLog(
  redis: Redis,
  keys: Keys,
  account: string,
  failed: (error: Error) => void,
): ActivityLog {
  let polls = 0;
  let last: { polledAt?: string; answeredAt?: string } = {};
  let timer: NodeJS.Timeout | undefined;

  async function write(): Promise<void> {
    timer = undefined;
    const [count, times] = [polls, last];
    [polls, last] = [0, {}];
    if (Object.keys(times).length === 0) return;
    const inMinute = keys.pollsInMinute(account, Math.floor(Date.now() / minuteMs));
    await Promise.all([
      redis.hset(keys.activity(account), times),
      redis.incrby(inMinute, count),
      redis.pexpire(inMinute, 3 * minuteMs),
    ]).catch(failed);
  }

  return {
    note(reading) {
      const at = String(reading.at);
      // A pushed answer counts as an answer, but not as a poll.
      if (reading.source === 'poll') {
        polls += 1;
        last.polledAt = at;
      }
      if (isAnswered(reading)) last.answeredAt = at;
      timer ??= setTimeout(() => void write(), writeEveryMs);
    },
    async close() {
      clearTimeout(timer);
      await write();
    },
  };
}

/** Reads what the activity logs of all processes recorded about an account. */
export async function readActivity(
  redis: Redis,
  keys: Keys,
  account: string,
  now: number,
): Promise<Activity> {
  const minute = Math.floor(now / minuteMs);
  const [[polledAt, answeredAt], current, before] = await Promise.all([
    redis.hmget(keys.activity(account), 'polledAt', 'answeredAt'),
    redis.get(keys.pollsInMinute(account, minute)),
    redis.get(keys.pollsInMinute(account, minute - 1)),
  ]);
  // A sliding minute: all of the current minute so far, plus the matching share of the previous one.
  const shareOfPrevious = 1 - (now % minuteMs) / minuteMs;
  return {
    polledAt: polledAt ? Number(polledAt) : null,
    answeredAt: answeredAt ? Number(answeredAt) : null,
    pollsPerMinute: Math.round(Number(current ?? 0) + Number(before ?? 0) * shareOfPrevious),
  };
}
