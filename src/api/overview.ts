import { jobIdOf, orderIdOf, type PollQueue } from '../jobs/queue.ts';
import { type Breaker, readBreaker } from '../orders/account-gate.ts';
import { type Activity, readActivity } from '../orders/activity.ts';
import type { Keys } from '../orders/keys.ts';
import { readUnresolved, type UnresolvedMoney } from '../orders/statistics.ts';
import type { Redis } from '../redis.ts';
import { type ReaderPosition, readerPositions } from '../results/reader-positions.ts';

/** Everything that people and metrics are told about the whole, at one moment. */
export interface Overview {
  readonly at: number;
  /** Open orders without a verdict. */
  readonly asking: number;
  /** Open orders whose verdict may still turn. */
  readonly watching: number;
  /** The longest without a verdict. */
  readonly oldestAsking: { readonly orderId: string; readonly createdAt: number } | null;
  /** The order whose poll is most overdue, or else the next one. While its account is left alone it stays overdue. */
  readonly nextDue: {
    readonly orderId: string;
    readonly account: string;
    readonly at: number;
    readonly hasJob: boolean;
  } | null;
  readonly accounts: readonly AccountHealth[];
  readonly groups: readonly ReaderPosition[];
  readonly unresolved: UnresolvedSummary;
}

export interface AccountInfo {
  readonly id: string;
  readonly provider: string;
  readonly ratePerSecond: number;
}

export interface AccountHealth extends AccountInfo, Activity {
  readonly breaker: Breaker;
  /** Orders with a job. */
  readonly orders: number;
  /** How long the most overdue job of its queue has been due. A job that waits for the breaker is not due. */
  readonly lateMs: number;
}

/** Ages of unresolved money, counted from the verdict; each class ends where the next begins. */
export const ageClasses = [
  { id: '1h', label: 'under 1 h', belowMs: 3_600_000 },
  { id: '24h', label: '1 to 24 h', belowMs: 86_400_000 },
  { id: '7d', label: '1 to 7 days', belowMs: 7 * 86_400_000 },
  { id: 'older', label: 'over 7 days', belowMs: Number.POSITIVE_INFINITY },
] as const;
export type AgeClass = (typeof ageClasses)[number]['id'];

export interface UnresolvedSummary {
  readonly orders: number;
  /** By currency: orders and money in each class of age. */
  readonly currencies: readonly {
    readonly currency: string;
    readonly classes: {
      readonly [age in AgeClass]: { readonly orders: number; readonly amountMinor: number };
    };
  }[];
  /** The oldest few. */
  readonly oldest: readonly UnresolvedMoney[];
}

export interface OverviewParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly accounts: readonly AccountInfo[];
  queue(account: string): PollQueue;
}

/** Reads the figures; cheap enough to be asked every few seconds, whatever the number of orders. */
export function createOverview(parts: OverviewParts): (now: number) => Promise<Overview> {
  let unresolved: { readonly summary: UnresolvedSummary; readonly until: number } | null = null;

  async function readSummary(now: number): Promise<UnresolvedSummary> {
    if (unresolved === null || unresolved.until <= now) {
      const summary = summarise(await readUnresolved(parts.redis, parts.keys), now);
      // The list is walked as a whole: the longer it is, the longer its sums are kept, up to a minute.
      unresolved = { summary, until: now + Math.min(summary.orders, 60_000) };
    }
    return unresolved.summary;
  }

  return (now) => readOverview(parts, readSummary(now), now);
}

async function readOverview(
  parts: OverviewParts,
  summary: Promise<UnresolvedSummary>,
  now: number,
): Promise<Overview> {
  const { redis, keys } = parts;
  const [open, asking, [oldestId, createdAt], nextDue, accounts, groups, unresolved] = await Promise.all([
    redis.zcard(keys.open),
    redis.zcard(keys.asking),
    redis.zrange(keys.asking, '0', '0', 'WITHSCORES'),
    readNextDue(parts),
    Promise.all(parts.accounts.map((account) => readAccount(parts, account, now))),
    readerPositions(redis, keys),
    summary,
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

async function readAccount(parts: OverviewParts, account: AccountInfo, now: number): Promise<AccountHealth> {
  const { redis, keys } = parts;
  const queue = parts.queue(account.id);
  const [activity, breaker, counts, dueAt] = await Promise.all([
    readActivity(redis, keys, account.id, now),
    readBreaker(redis, keys, account.id, now),
    queue.getJobCounts('delayed', 'waiting', 'active'),
    oldestDueAt(parts, queue),
  ]);
  const orders = Object.values(counts).reduce((sum, jobs) => sum + jobs, 0);
  return { ...account, ...activity, breaker, orders, lateMs: dueAt === null ? 0 : Math.max(0, now - dueAt) };
}

/** When the account's most overdue poll was due: it waits for its turn, or nobody has taken it out of the delayed ones. */
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

const oldestShown = 10;

function summarise(unresolved: readonly UnresolvedMoney[], now: number): UnresolvedSummary {
  const byCurrency = Map.groupBy(unresolved, ({ currency }) => currency);
  return {
    orders: unresolved.length,
    currencies: [...byCurrency]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([currency, money]) => ({ currency, classes: byAge(money, now) })),
    oldest: unresolved.toSorted((a, b) => a.at - b.at).slice(0, oldestShown),
  };
}

function byAge(money: readonly UnresolvedMoney[], now: number) {
  const classes = Object.fromEntries(ageClasses.map(({ id }) => [id, { orders: 0, amountMinor: 0 }])) as {
    [age in AgeClass]: { orders: number; amountMinor: number };
  };
  for (const { at, amountMinor } of money) {
    const id = ageClasses.find(({ belowMs }) => now - at < belowMs)?.id ?? 'older';
    classes[id].orders += 1;
    classes[id].amountMinor += amountMinor;
  }
  return classes;
}
