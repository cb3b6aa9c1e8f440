import { type Activity, readActivity } from '../../accounts/activity.ts';
import { type Breaker, readBreaker } from '../../accounts/breaker-state.ts';
import { type Lag, readLag } from '../../accounts/lag-log.ts';
import { countWaitingPolls, type WaitingPolls } from '../../accounts/waiting-polls.ts';
import { isPaused } from '../../jobs/pause-account.ts';
import { jobIdOf, orderIdOf, type PollQueue } from '../../jobs/queue.ts';
import { countContradicted } from '../../orders/contradicted.ts';
import { readUnresolved } from '../../orders/unresolved.ts';
import type { UnresolvedTally } from '../../orders/unresolved-tally.ts';
import { readUsedPayments, type UsedPayment } from '../../orders/used-payments.ts';
import { isWrongType, type Redis } from '../../redis/connection.ts';
import type { Keys } from '../../redis/keys.ts';
import { type ReaderPosition, readerPositions } from '../../results/reader-positions.ts';

/** What the overview page and the metrics show, at one moment. */
export interface Overview {
  readonly at: number;
  /** Open orders without a verdict. */
  readonly asking: number;
  /** Open orders with a verdict that may still change. */
  readonly watching: number;
  /** The order that has waited longest for a verdict. */
  readonly oldestAsking: { readonly orderId: string; readonly createdAt: number } | null;
  /** The order whose poll is most overdue, or else due next. It stays overdue while its account's circuit breaker is open. */
  readonly nextDue: {
    readonly orderId: string;
    readonly account: string;
    readonly at: number;
    readonly hasJob: boolean;
  } | null;
  readonly accounts: readonly AccountHealth[];
  readonly groups: readonly ReaderPosition[];
  /** `null` while too many are still being counted. */
  readonly unresolved: UnresolvedTally | null;
  /** Descriptions of what could not be read because its key has the wrong type. */
  readonly unreadable: readonly string[];
  /** Recent orders that referred to the payment of another order. */
  readonly used: readonly UsedPayment[];
  /** Paid orders that a statement has contradicted within a day. */
  readonly contradicted: number;
}

export interface AccountInfo {
  readonly id: string;
  readonly provider: string;
  readonly ratePerSecond: number;
  /** Fingerprint of the credentials in use. */
  readonly credentials?: string;
}

export interface AccountHealth extends AccountInfo, Activity {
  readonly breaker: Breaker;
  /** Its queue is paused, as with Bull Board's button: not even deadline verdicts are published. */
  readonly isQueuePaused: boolean;
  /** Orders with a job. */
  readonly orders: number;
  /** How long its most overdue job has been due. A job delayed by the circuit breaker is not due. */
  readonly lateMs: number;
  /** How late final statuses were seen in the last hour; `null` where none was. */
  readonly lag: Lag | null;
  /** Due polls that have not started, by class. */
  readonly waiting: WaitingPolls;
}

export interface OverviewParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly accounts: readonly AccountInfo[];
  queue(account: string): PollQueue;
}

/** Reads the figures. Cheap enough to be called every few seconds, whatever the number of orders. */
export function createOverview(parts: OverviewParts): (now: number) => Promise<Overview> {
  return (now) => readOverview(parts, now);
}

/** An order whose payment belongs to another one is reported for a week. */
const usedMs = 7 * 86_400_000;

/** Reads one part, or notes that its key has the wrong type, so that the others are shown all the same. */
type ReadPart = <T>(what: string, work: Promise<T>, instead: T) => Promise<T>;

async function readOverview(parts: OverviewParts, now: number): Promise<Overview> {
  const { redis, keys } = parts;
  const unreadable: string[] = [];
  const part: ReadPart = async (what, work, instead) => {
    try {
      return await work;
    } catch (error) {
      if (!isWrongType(error)) throw error;
      unreadable.push(what);
      return instead;
    }
  };
  const [open, asking, [oldestId, createdAt], nextDue, accounts, groups, unresolved, used, contradicted] =
    await Promise.all([
      part('the open orders', redis.zcard(keys.open), 0),
      part('the orders without a verdict', redis.zcard(keys.asking), 0),
      part(
        'the oldest order without a verdict',
        redis.zrange(keys.asking, '0', '0', 'WITHSCORES'),
        [] as string[],
      ),
      part('the order that is due next', readNextDue(parts), null),
      Promise.all(parts.accounts.map((account) => readAccount(parts, account, now, part))),
      part('the results', readerPositions(redis, keys), []),
      part('the unresolved money', readUnresolved(redis, keys, now), null),
      // A damaged key must not break the page.
      readUsedPayments(redis, keys, now - usedMs).catch(() => []),
      part('the orders that a statement contradicts', countContradicted(redis, keys, now), 0),
    ]);
  return {
    at: now,
    asking,
    watching: Math.max(0, open - asking),
    oldestAsking: oldestId === undefined ? null : { orderId: oldestId, createdAt: Number(createdAt) },
    nextDue,
    accounts,
    groups,
    unresolved,
    used,
    contradicted,
    unreadable,
  };
}

async function readNextDue({ redis, keys, accounts, queue }: OverviewParts): Promise<Overview['nextDue']> {
  const [orderId, at] = await redis.zrange(keys.open, '0', '0', 'WITHSCORES');
  if (orderId === undefined) return null;
  const account = (await redis.hget(keys.order(orderId), 'account')) ?? '';
  const isServed = accounts.some(({ id }) => id === account);
  const hasJob = isServed && (await redis.exists(queue(account).toKey(jobIdOf(orderId)))) === 1;
  return { orderId, at: Number(at), account, hasJob };
}

const noActivity: Activity = { polledAt: null, answeredAt: null, pollsPerMinute: 0 };
const noneWaiting: WaitingPolls = { requested: 0, deadline: 0, likely: 0, older: 0, watch: 0 };
const noBreaker: Breaker = { state: 'closed', failures: 0, pausedUntil: null, why: null, pause: null };

async function readAccount(
  parts: OverviewParts,
  account: AccountInfo,
  now: number,
  part: ReadPart,
): Promise<AccountHealth> {
  const { redis, keys } = parts;
  const { id, credentials } = account;
  const queue = parts.queue(id);
  const [activity, breaker, counts, dueAt, isQueuePaused, lag, waiting] = await Promise.all([
    part(`the activity of ${id}`, readActivity(redis, keys, id, now), noActivity),
    part(`the circuit breaker of ${id}`, readBreaker(redis, keys, id, now, credentials), noBreaker),
    part(`the jobs of ${id}`, queue.getJobCounts('delayed', 'waiting', 'prioritized', 'active'), {}),
    part(`the due jobs of ${id}`, oldestDueAt(parts, queue), null),
    isPaused(redis, queue),
    part(`the lags of ${id}`, readLag(redis, keys, id, now), null),
    part(
      `the waiting polls of ${id}`,
      countWaitingPolls(redis, (name) => queue.toKey(name), now),
      noneWaiting,
    ),
  ]);
  const orders = Object.values(counts).reduce((sum, jobs) => sum + jobs, 0);
  const lateMs = dueAt === null ? 0 : Math.max(0, now - dueAt);
  return { ...account, ...activity, breaker, isQueuePaused, orders, lateMs, lag, waiting };
}

/** When the account's most overdue poll was due: its job is waiting, or not yet moved out of the delayed set. */
async function oldestDueAt({ redis, keys }: OverviewParts, queue: PollQueue): Promise<number | null> {
  const [[, score], waiting] = await Promise.all([
    redis.zrange(queue.toKey('delayed'), '0', '0', 'WITHSCORES'),
    queue.getWaiting(0, 0),
  ]);
  const orderId = orderIdOf(waiting[0]?.id ?? '');
  const nextPollAt = orderId === null ? null : await redis.hget(keys.order(orderId), 'nextPollAt');
  // BullMQ keeps the due time in the upper bits of the score.
  const times = [score === undefined ? 0 : Math.floor(Number(score) / 4_096), Number(nextPollAt ?? 0)];
  const known = times.filter((time) => time > 0);
  return known.length === 0 ? null : Math.min(...known);
}
