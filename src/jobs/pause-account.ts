import { type AccountPause, endPause, readPause, setPause } from '../accounts/pause.ts';
import { readOrderStates } from '../orders/order-states.ts';
import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { promote } from './poll-now.ts';
import type { PollQueue } from './queue.ts';

/** How people keep an account from being polled. */
export interface PauseState {
  /** Paused with a reason: by command, over HTTP or on its page. Orders still get their deadline verdicts. */
  readonly pause: AccountPause | null;
  /** Its queue is paused, as with Bull Board's button: no job of it runs, so not even deadline verdicts are published. */
  readonly isQueuePaused: boolean;
}

/** Reads whether an account is paused, in either way. */
export async function readPauseState(
  redis: Redis,
  keys: Keys,
  account: string,
  queue: PollQueue,
): Promise<PauseState> {
  const [pause, isQueuePaused] = await Promise.all([readPause(redis, keys, account), isPaused(redis, queue)]);
  return { pause, isQueuePaused };
}

/** Whether a queue is paused. A key of another type in place of its settings pauses nothing. */
export async function isPaused(redis: Redis, queue: PollQueue): Promise<boolean> {
  try {
    return (await redis.hexists(queue.toKey('meta'), 'paused')) === 1;
  } catch (error) {
    if (!isWrongType(error)) throw error;
    return false;
  }
}

/** Pauses an account. `same`: it was paused for this reason already. */
export async function pauseAccount(
  redis: Redis,
  keys: Keys,
  account: string,
  pause: Omit<AccountPause, 'since'>,
): Promise<'paused' | 'same'> {
  return (await setPause(redis, keys, account, pause)) === 'changed' ? 'paused' : 'same';
}

/** At most so many orders are promoted when their account is resumed, of so many overdue orders of all accounts. */
const promotedLimit = 50;
const overdueLimit = 500;

/**
 * Resumes an account, also one whose queue was paused on Bull Board. Its most overdue orders are polled at once, the others
 * within about 20 s, all under its rate limit. `same`: it was not paused.
 */
export async function resumeAccount(
  redis: Redis,
  keys: Keys,
  account: string,
  queue: PollQueue,
  by: string,
): Promise<'resumed' | 'same'> {
  const wasQueuePaused = await isPaused(redis, queue);
  if (wasQueuePaused) await queue.resume();
  const ended = await endPause(redis, keys, account, by);
  if (ended === 'changed') await promoteOverdue(redis, keys, account, queue);
  return wasQueuePaused || ended === 'changed' ? 'resumed' : 'same';
}

/** The jobs of orders that waited for the pause to end are delayed: brings the first of them forward. */
async function promoteOverdue(redis: Redis, keys: Keys, account: string, queue: PollQueue): Promise<void> {
  const [seconds, micros] = await redis.time();
  const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  const overdue = await redis.zrange(keys.open, '-inf', String(now), 'BYSCORE', 'LIMIT', 0, overdueLimit);
  const states = await readOrderStates(redis, keys, overdue);
  const own = states.filter((state) => state.account === account && state.nextPollAt !== null);
  await Promise.all(own.slice(0, promotedLimit).map(({ orderId }) => promote(queue, orderId, now, now)));
}

/** One sentence for people: since when an account is paused, and why. Without the reason where anybody may read it. */
export function pauseText(
  account: string,
  { pause, isQueuePaused }: PauseState,
  isPublic = false,
): string | null {
  if (isQueuePaused)
    return `the queue of ${account} is paused on the board: not even deadline verdicts are published; resume it with payment-poller resume ${account}`;
  if (pause === null) return null;
  const since = new Date(pause.since).toISOString();
  const why = isPublic ? '' : ` by ${pause.by}: ${pause.reason}`;
  return `${account} has been paused since ${since}${why}`;
}
