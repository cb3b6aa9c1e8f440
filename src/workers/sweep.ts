import { readBreaker } from '../accounts/breaker-state.ts';
import { promote } from '../jobs/poll-now.ts';
import { jobIdOf, type PollQueue, pollJob } from '../jobs/queue.ts';
import { createOrderIndex } from '../orders/order-index.ts';
import { type OrderState, readOrderStates } from '../orders/order-states.ts';
import { walkUnresolved } from '../orders/unresolved.ts';
import { forgetHandled } from '../results/handled.ts';
import { readerPatience, silentReaders } from '../results/http-readers.ts';
import { trimResults } from '../results/trim.ts';
import { createDamageReport, type DamageReport } from './damage.ts';
import { createJobPlaces, type JobPlace } from './job-places.ts';
import { restoreClaims } from './missing-claims.ts';
import { restoreIndex } from './missing-from-index.ts';
import { publishMissing } from './missing-results.ts';
import { readJob, retryFailed, walkJobs } from './sweep-jobs.ts';
import { batchSize, headLimit, randomStart, type Sweep, type SweepParts, walkLimit } from './sweep-parts.ts';
import { walkRecords } from './walk-records.ts';

const dayMs = 86_400_000;
/** A job may be due so long after its record's next poll: an error is tried again within this time. */
const lateLimitMs = 30_000;
/** A query whose answer is to be pushed to us holds its order's job for so long at most. */
const queryLimitMs = 3_600_000;

/**
 * Compares open orders with the queues once, and mends what is missing. A key of another type, a job or a record that cannot
 * be read stops nothing but itself: it is skipped and reported.
 */
export async function sweep(parts: SweepParts): Promise<void> {
  const looks = parts.accounts.map((id) => [id, createJobPlaces(parts.redis, parts.queue(id))] as const);
  const report = createDamageReport();
  const resting = await restingAccounts(parts, report);
  const thisSweep: Sweep = { ...parts, places: new Map(looks), resting, report };
  const walk = (what: string, work: () => Promise<unknown>) => report.tolerate('walk', what, work);
  try {
    await walk('of overdue orders', () => mendOverdue(thisSweep));
    await walk('of open orders', () => walkOpen(thisSweep));
    await walk('of orders without a verdict', () => mendAsking(thisSweep));
    for (const account of parts.accounts) {
      await walk(`of failed jobs of ${account}`, () => retryFailed(thisSweep, account));
      await walk(`of jobs of ${account}`, () => walkJobs(thisSweep, account));
    }
    const { redis, keys, resultsRetentionMs, retentionMs } = parts;
    const now = nowOf(parts);
    const index = createOrderIndex({ redis, keys });
    await walk('of records', () =>
      walkRecords(redis, keys, async (orderIds) => {
        await publishMissing(parts, orderIds);
        await restoreClaims(parts, orderIds);
        await restoreIndex(parts, index, orderIds);
      }),
    );
    await walk('of the index', () => index.forget());
    await walk('of results', async () => {
      const silent = await silentReaders(redis, keys, now - readerPatience * resultsRetentionMs);
      await trimResults(redis, keys.results, now - resultsRetentionMs, silent);
    });
    // A day more: what the stream has lost may be published once more until then.
    await walk('of what groups have handled', () =>
      forgetHandled(redis, keys, now - resultsRetentionMs - dayMs),
    );
    await walk('of unresolved money', () => walkUnresolved(redis, keys, now, now - retentionMs));
  } finally {
    const found = report.found();
    if (found.examples.length > 0) parts.damaged(found);
  }
}

const nowOf = ({ now = Date.now }: SweepParts) => now();

async function restingAccounts(parts: SweepParts, report: DamageReport): Promise<Set<string>> {
  const { redis, keys, accounts } = parts;
  const now = nowOf(parts);
  const resting = new Set<string>();
  for (const account of accounts) {
    await report.tolerate('walk', `of the breaker of ${account}`, async () => {
      const { state, pause } = await readBreaker(redis, keys, account, now);
      if (state !== 'closed' || pause !== null) resting.add(account);
    });
  }
  return resting;
}

/** Overdue orders are looked at in every sweep, the most overdue first. */
async function mendOverdue(parts: Sweep): Promise<void> {
  const { redis, keys, intervalMs } = parts;
  const before = String(nowOf(parts) - intervalMs);
  const overdue = await redis.zrange(keys.open, '-inf', before, 'BYSCORE', 'LIMIT', 0, walkLimit);
  for (const batch of batchesOf(overdue)) await mendOrders(parts, batch);
}

/**
 * The oldest of the orders without a verdict: one that is none any more would be shown as the oldest for ever, and to one
 * that has lost both its place among the open ones and its job nothing else leads. As many again from a random place, so that
 * none is hidden by older ones that cannot be read.
 */
async function mendAsking({ redis, keys, store, mended, report }: Sweep): Promise<void> {
  const count = await redis.zcard(keys.asking);
  const starts = count <= headLimit ? [0] : [0, randomStart(count, headLimit)];
  for (const start of starts) {
    const some = await redis.zrange(keys.asking, String(start), String(start + headLimit - 1));
    for (const batch of batchesOf(some)) {
      for (const { orderId, phase, nextPollAt, isOnOpen, damage } of await readOrderStates(
        redis,
        keys,
        batch,
      )) {
        if (damage !== null) {
          report.note('order', orderId, damage);
          continue;
        }
        const isLost = nextPollAt !== null && !isOnOpen;
        if (phase === 'asking' && !isLost) continue;
        await report.tolerate('order', orderId, async () => {
          await store.relist(orderId);
          if (isLost) mended('missing-from-open', orderId);
        });
      }
    }
  }
}

function* batchesOf(orderIds: readonly string[]): Iterable<readonly string[]> {
  for (let from = 0; from < orderIds.length; from += batchSize) yield orderIds.slice(from, from + batchSize);
}

/** All other open orders, a bounded number per sweep. */
async function walkOpen(parts: Sweep): Promise<void> {
  const { redis, keys } = parts;
  let cursor = await readCursor(parts);
  for (let seen = 0; seen < walkLimit; seen += batchSize) {
    const [next, entries] = await redis.zscan(keys.open, cursor, 'COUNT', batchSize);
    await mendOrders(
      parts,
      entries.filter((_, index) => index % 2 === 0),
    );
    cursor = next;
    if (cursor === '0') break;
  }
  await redis.set(keys.sweepCursor, cursor);
}

/** A place that cannot be read is the beginning: it is written anew at the end of the walk. */
async function readCursor({ redis, keys, report }: Sweep): Promise<string> {
  let cursor: string | null = null;
  await report.tolerate('walk', 'of open orders', async () => {
    cursor = await redis.get(keys.sweepCursor);
  });
  return /^\d{1,19}$/.test(cursor ?? '') ? String(cursor) : '0';
}

/** Makes sure that each of these orders has a job, and is open at all. */
async function mendOrders(parts: Sweep, orderIds: readonly string[]): Promise<void> {
  const { report, store } = parts;
  const states = await readOrderStates(parts.redis, parts.keys, orderIds);
  for (const { account, nextPollAt, orderId, damage } of states) {
    if (damage !== null) report.note('order', orderId, damage);
    else if (account === null || nextPollAt === null) {
      await report.tolerate('order', orderId, () => store.relist(orderId));
    }
  }
  for (const [account, places] of parts.places) {
    await report.tolerate('walk', `of the queue of ${account}`, async () => {
      const open = states.filter((state) => state.account === account && state.nextPollAt !== null);
      const found = await places.placesOf(open.map(({ orderId }) => orderId));
      for (const [nth, state] of open.entries()) {
        await report.tolerate('job', `of order ${state.orderId}`, () =>
          mendOrder(parts, account, state, found[nth]),
        );
      }
    });
  }
}

async function mendOrder(
  parts: Sweep,
  account: string,
  state: OrderState,
  place: JobPlace | undefined,
): Promise<void> {
  if (place === 'waiting') return;
  const { redis, keys } = parts;
  const { orderId, nextPollAt } = state;
  const queue = parts.queue(account);
  const now = nowOf(parts);
  if (typeof place === 'object') {
    if (!parts.resting.has(account)) await mendDelayed(parts, queue, state, place.dueAt, now);
    return;
  }
  const job = await readJob(parts, queue, jobIdOf(orderId));
  const jobState = job === undefined ? 'missing' : await job.getState();
  if (jobState !== 'missing' && jobState !== 'unknown' && jobState !== 'completed') return;
  // Its last poll may have ended between our two looks: then the record has moved, and nothing is wrong.
  const [again] = await readOrderStates(redis, keys, [orderId]);
  if (nextPollAt === null || again?.nextPollAt !== nextPollAt) return;
  // A job in no list blocks its own id: BullMQ takes a second one for a repetition.
  await job?.remove();
  const lost = pollJob(orderId, nextPollAt, now);
  await queue.add(lost.name, lost.data, lost.opts);
  parts.mended('record-without-job', orderId);
}

/** Brings a delayed job forward that is due later than its order wants to be polled. */
async function mendDelayed(
  parts: Sweep,
  queue: PollQueue,
  { orderId, nextPollAt, requestedAt }: OrderState,
  dueAt: number,
  now: number,
): Promise<void> {
  if (requestedAt !== null && requestedAt < now - parts.intervalMs) {
    await promote(queue, orderId, now, now);
    parts.mended('forgotten-wish', orderId);
    return;
  }
  if (nextPollAt === null || dueAt <= Math.max(nextPollAt, now) + lateLimitMs) return;
  // Read after we saw the job: its worker may have moved both between our two looks.
  const record = await parts.store.read(orderId);
  if (record?.nextPollAt !== nextPollAt) return;
  if (record.query !== null && dueAt <= record.query.sentAt + queryLimitMs) return;
  await promote(queue, orderId, nextPollAt, now);
  parts.mended('late-job', orderId);
}
