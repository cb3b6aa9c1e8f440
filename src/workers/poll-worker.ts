import { DelayedError, type Job, Worker, type WorkerOptions } from 'bullmq';
import { type Decision, decide, type Policy } from '../jobs/decide.ts';
import { type PollJob, retryDelayMs } from '../jobs/queue.ts';
import type { Reading } from '../order.ts';
import { remember } from '../orders/evidence.ts';
import type { Keys } from '../orders/keys.ts';
import type { OrderStore } from '../orders/order-store.ts';
import type { OrderRecord } from '../orders/record.ts';
import type { Asker } from '../providers/ask.ts';
import type { Redis } from '../redis.ts';
import { buildEvent, type ResultEvent } from '../results/event.ts';

/** What the worker tells about its work, for logs and metrics. */
export interface PollObserver {
  reading(record: OrderRecord, reading: Reading): void;
  published(event: ResultEvent): void;
  contradiction(record: OrderRecord, reading: Reading): void;
  /** A bug or a lost Redis; never something a gateway did. */
  error(error: Error, orderId: string | null): void;
}

export interface PollWorkerParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly account: string;
  readonly store: OrderStore;
  readonly asker: Asker;
  readonly policy: Policy;
  readonly observer: PollObserver;
  readonly limits: PollLimits;
}

export interface PollLimits {
  /** Polls under way at once in this process. */
  readonly concurrency: number;
  /** Poll starts per second of this account, over all processes. */
  readonly ratePerSecond: number;
  /** A worker that died is noticed after about this long plus one to two `stalledIntervalMs`. */
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
}

/** How long an account rests after a throttling answer that names no time. */
const throttlePauseMs = 2_000;

/** Asks one account's provider about its orders: read the record, ask, decide, settle, wait for the next time. */
export function createPollWorker(parts: PollWorkerParts): Worker<PollJob, void, 'poll'> {
  const { account, keys, limits, observer } = parts;

  async function poll(job: Job<PollJob, void, 'poll'>, token?: string): Promise<void> {
    const { orderId } = job.data;
    const record = await parts.store.read(orderId);
    if (record === null || record.progress.phase === 'closed') return;

    const reading = await parts.asker.ask(record.order);
    observer.reading(record, reading);
    const nextPollAt = await settle(parts, record, reading);
    if (reading.kind === 'unavailable' && reading.throttled) {
      await worker.rateLimit(Math.max(reading.retryAfterMs ?? throttlePauseMs, 1));
    }
    if (nextPollAt === null) return;
    await job.moveToDelayed(nextPollAt, token);
    throw new DelayedError();
  }

  const worker = new Worker<PollJob, void, 'poll'>(account, poll, {
    connection: parts.redis,
    prefix: keys.queuePrefix(account),
    concurrency: limits.concurrency,
    limiter: limiterOf(limits.ratePerSecond),
    lockDuration: limits.lockDurationMs,
    stalledInterval: limits.stalledIntervalMs,
    // The count of stalls is never reset over a job's life (upstream #2152): with the default of 1, an order whose
    // workers died twice in a week would end as a failed job.
    maxStalledCount: 1_000_000,
    removeOnComplete: { count: 0 },
    settings: { backoffStrategy: retryDelayMs },
    autorun: false,
  } satisfies WorkerOptions);
  worker.on('error', (error) => observer.error(error, null));
  worker.on('failed', (job, error) => observer.error(error, job?.data.orderId ?? null));
  return worker;
}

/**
 * Decides on a reading and writes the decision, as often as it takes: when another process moved the order meanwhile,
 * the same reading is decided on again over the newer state. Returns the time of the next poll, `null` when closed.
 */
export async function settle(
  { store, policy, observer }: Pick<PollWorkerParts, 'store' | 'policy' | 'observer'>,
  record: OrderRecord,
  reading: Reading,
): Promise<number | null> {
  for (let current: OrderRecord | null = record; current !== null; ) {
    const now = Date.now();
    const decision: Decision = decide(current.order, current.progress, reading, policy, now, Math.random());
    const history = remember(current.history, reading);
    const event =
      decision.publish === null
        ? null
        : buildEvent(current.order, decision.progress, decision.publish, reading, history, now);
    const { progress, nextPollAt } = decision;
    const outcome = await store.settle({ record: current, progress, history, nextPollAt, event });
    if (outcome === 'settled') {
      if (event !== null) observer.published(event);
      if (decision.contradictsPaid) observer.contradiction(current, reading);
      return nextPollAt;
    }
    current = outcome === 'gone' ? null : await store.read(record.order.orderId);
  }
  return null;
}

/** Starts spread over tenths of a second where the rate allows it: smoother than whole seconds. */
function limiterOf(ratePerSecond: number): { max: number; duration: number } {
  const max = Math.max(1, Math.floor(ratePerSecond / 10));
  return { max, duration: Math.ceil((1_000 * max) / ratePerSecond) };
}
