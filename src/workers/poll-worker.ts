import { DelayedError, type Job, type Telemetry, Worker, type WorkerOptions } from 'bullmq';
import { deadlineAnswerMs, decide, type Policy } from '../jobs/decide.ts';
import { createPollBackend } from '../jobs/poll-backend.ts';
import {
  type JobName,
  orderIdOf,
  orderOfJob,
  type PollQueue,
  type QueueJob,
  retryDelayMs,
} from '../jobs/queue.ts';
import { deadlineAt } from '../jobs/schedule.ts';
import { hasten, hastenAgain } from '../jobs/wake.ts';
import type { Order, Reading } from '../order.ts';
import type { AccountGate } from '../orders/account-gate.ts';
import { remember } from '../orders/evidence.ts';
import type { Keys } from '../orders/keys.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { asUsed } from '../orders/ownership.ts';
import type { OrderRecord, PendingQuery } from '../orders/record.ts';
import type { Asker } from '../providers/ask.ts';
import { LocalFault } from '../providers/local-fault.ts';
import type { AnswerTo } from '../providers/provider.ts';
import type { Redis } from '../redis.ts';
import { buildEvent } from '../results/event.ts';
import { postpone } from './changed-provider.ts';
import type { NewWords } from './new-words.ts';
import type { PollObserver } from './poll-observer.ts';
import { limiterOf } from './rate-limiter.ts';
import { takeTurn } from './take-turn.ts';

export interface PollWorkerParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly account: string;
  /** Id of the account's provider. */
  readonly provider: string;
  readonly queue: PollQueue;
  readonly store: OrderStore;
  readonly gate: AccountGate;
  readonly asker: Asker;
  /** Remembers a new query of an order and says where its answer is to be posted; `null` where answers come at once. */
  readonly beginQuery: ((orderId: string) => Promise<AnswerTo>) | null;
  readonly policy: Policy;
  /** Whether several orders may be paid by one payment, as far as it reaches. */
  readonly sharesPayments: boolean;
  readonly observer: PollObserver;
  readonly newWords: NewWords;
  readonly limits: PollLimits;
  readonly telemetry?: Telemetry | undefined;
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

/** An order that could not be asked about through a fault of ours is tried again after this long. */
const localFaultRetryMs = 2_000;
/** Such faults are logged this often at most. */
const localFaultTellMs = 10_000;

type PollWorker = Worker<QueueJob, void, JobName>;

/** Thrown for every poll that is not the last one: made once, because a stack trace costs more than the rest of it. */
const delayed = new DelayedError();

/** Asks one account's provider about its orders: read the record, ask, decide, settle, wait for the next time. */
export function createPollWorker(parts: PollWorkerParts): PollWorker {
  const { account, keys, limits, observer, queue } = parts;

  let toldAt = Number.NEGATIVE_INFINITY;

  /** An order that could not be asked about through a fault of ours waits for its next turn, and nothing is counted. */
  function handBack(error: unknown): number {
    if (!(error instanceof LocalFault)) throw error;
    // Another process may have it at once.
    if (error.isStopping) return Date.now();
    const now = performance.now();
    // It meets every order at once.
    if (now - toldAt >= localFaultTellMs) {
      toldAt = now;
      observer.error(error, null);
    }
    return Date.now() + localFaultRetryMs;
  }

  async function process(job: Job<QueueJob, void, JobName>, token?: string): Promise<void> {
    const runAgainAt =
      job.name === 'wake'
        ? await hastenAgain(parts.store, queue, job, Date.now())
        : await pollOrder(parts, orderOfJob(job.data)).catch(handBack);
    if (runAgainAt === null) return;
    await job.moveToDelayed(runAgainAt, token);
    throw delayed;
  }

  const { concurrency } = limits;
  const limiter = limiterOf(limits.ratePerSecond);
  const lockDuration = limits.lockDurationMs;
  const options = {
    connection: parts.redis,
    prefix: keys.queuePrefix(account),
    concurrency,
    limiter,
    lockDuration,
    stalledInterval: limits.stalledIntervalMs,
    // The count of stalls is never reset over a job's life (upstream #2152): with the default of 1, an order whose
    // workers died twice in a week would end as a failed job.
    maxStalledCount: 1_000_000,
    removeOnComplete: { count: 0 },
    settings: { backoffStrategy: retryDelayMs },
    autorun: false,
    ...(parts.telemetry && { telemetry: parts.telemetry }),
  } satisfies WorkerOptions;
  const isTraced = parts.telemetry !== undefined;
  const lost = (jobId: string) =>
    void followRecord(parts, jobId).catch((error) => observer.error(error, null));
  const backend = createPollBackend(parts.redis, { lockDuration, limiter, isTraced, concurrency }, lost);
  const worker: PollWorker = new Worker(account, process, options, backend);
  worker.on('error', (error) => observer.error(error, null));
  worker.on('failed', (job, error) => observer.error(error, job?.data.orderId ?? null));
  return worker;
}

/**
 * Brings a job forward to its record's next poll. A worker that was frozen for longer than its lock may settle its answer, and
 * can no longer move the job: the worker that took the job over has delayed it to a time that it decided on before.
 */
async function followRecord({ store, queue }: PollWorkerParts, jobId: string): Promise<void> {
  const orderId = orderIdOf(jobId);
  const record = orderId === null ? null : await store.read(orderId);
  if (record === null || record.nextPollAt === null) return;
  await hasten(queue, record.order.orderId, record.nextPollAt, Date.now());
}

/**
 * One turn of an order. Returns when its job is to run again, `null` when the order is closed.
 *
 * @throws a `LocalFault` when a fault on our side kept it from being asked about
 */
export async function pollOrder(parts: PollWorkerParts, orderId: string): Promise<number | null> {
  const { store, gate, observer } = parts;
  const [record, admission] = await Promise.all([store.read(orderId), gate.admit(Date.now())]);
  if (record === null) return null;
  if (record.order.provider !== parts.provider) {
    observer.changedProvider(record);
    return postpone(store, record, Date.now());
  }

  // Not only when a hint is unseen: a worker that died between two pushed answers has left the second one behind.
  const { openSince } = admission;
  const pushed = record.hints > 0 ? await takePushed(parts, record, openSince) : null;
  if (pushed !== null) return pushed.nextPollAt;
  if (record.progress.phase === 'closed') return null;
  const lostAt = queryLostAt(parts.asker, record);
  if (lostAt > Date.now()) return lostAt;
  const waitUntil = await takeTurn(gate, record, admission, Date.now());
  if (waitUntil !== null) return waitUntil;

  const answerTo = parts.beginQuery === null ? null : await parts.beginQuery(orderId);
  // The record now names the query; settling the older copy would forget it.
  const asked = answerTo === null ? record : ((await store.read(orderId)) ?? record);
  const startedAt = performance.now();
  const reading = await parts.asker.ask(record.order, answerTo);
  observer.reading(asked, reading, performance.now() - startedAt);
  if (reading.kind === 'unrecognised' && parts.newWords.isNew(reading.providerStatus)) {
    observer.unknownWord(reading.providerStatus ?? '(none of the known shapes)', orderId);
  }
  // An order past its deadline was let through though the account rests: it is not the probe.
  const asProbe = 'waitUntil' in admission ? { troubled: true, probing: false } : admission;
  const change = await gate.report(asProbe, reading, Date.now(), { orderId });
  if (change !== null) observer.gate(change, reading);
  return settle(parts, asked, reading, null, openSince);
}

/** Settles the answers that were pushed to us. `null`: there were none. */
async function takePushed(
  parts: PollWorkerParts,
  record: OrderRecord,
  openSince: number | undefined,
): Promise<{ readonly nextPollAt: number | null } | null> {
  const { store, gate, observer } = parts;
  const inbox = await store.inbox(record.order.orderId);
  let taken: { readonly nextPollAt: number | null } | null = null;
  for (const { entry, pushed } of inbox) {
    if (pushed === null) {
      await store.drop(record.order.orderId, entry);
      observer.error(new Error('A pushed answer could not be read and was dropped.'), record.order.orderId);
      continue;
    }
    const { queryId, credentials = null, reading } = pushed;
    const current = (await store.read(record.order.orderId)) ?? record;
    observer.reading(current, reading, 0);
    const asked = { orderId: record.order.orderId, credentials };
    const change = await gate.report({ troubled: true, probing: false }, reading, Date.now(), asked);
    if (change !== null) observer.gate(change, reading);
    taken = { nextPollAt: await settle(parts, current, reading, { entry, queryId }, openSince) };
  }
  return taken;
}

/** When the query that is under way counts as lost; 0 when there is none, or when the deadline wants a new one. */
function queryLostAt({ resultTimeoutMs }: Asker, { query, order, progress }: OrderRecord): number {
  if (query === null || resultTimeoutMs === null) return 0;
  const deadline = deadlineAt(order);
  const lostAt = query.sentAt + resultTimeoutMs;
  if (query.sentAt < deadline) return Math.min(lostAt, deadline);
  return progress.phase === 'asking' ? Math.min(lostAt, query.sentAt + deadlineAnswerMs) : lostAt;
}

/**
 * Decides on a reading and writes the decision, as often as it takes: when another process moved the order meanwhile,
 * the same reading is decided on again over the newer state; when another order was paid by the same payment, as the doubt
 * that it then is. Returns the time of the next poll, `null` when closed.
 *
 * @param pushed where a pushed reading came from, and the query that it answers; `null` for a poll
 * @param openSince since when the account's circuit breaker has been open; absent while it is closed
 */
async function settle(
  {
    store,
    policy,
    observer,
    sharesPayments,
  }: Pick<PollWorkerParts, 'store' | 'policy' | 'observer' | 'sharesPayments'>,
  record: OrderRecord,
  reading: Reading,
  pushed: { readonly entry: string; readonly queryId: string } | null,
  openSince: number | undefined,
): Promise<number | null> {
  let told = reading;
  for (let current: OrderRecord | null = record; current !== null; ) {
    const now = Date.now();
    const order: Order = current.order;
    const decision = decide(
      order,
      current.progress,
      answering(current, told, pushed),
      policy,
      now,
      Math.random(),
    );
    const { progress, publish, nextPollAt } = decision;
    const history = remember(current.history, told);
    const event =
      publish === null ? null : buildEvent(order, progress, publish, told, history, now, openSince);
    const query = queryAfter(current.query, told, pushed?.queryId ?? null);
    const settled = await store.settle({
      record: current,
      progress,
      history,
      nextPollAt,
      query,
      event,
      entry: pushed?.entry ?? null,
      sharesPayments,
    });
    if (settled.outcome === 'settled') {
      if (settled.neglected !== undefined) observer.neglected(settled.neglected, order.orderId);
      if (event !== null) observer.published(event, told);
      if (decision.contradictsPaid) observer.contradiction(current, told);
      return settled.nextPollAt;
    }
    if (settled.outcome === 'taken') return settled.nextPollAt;
    if (settled.outcome === 'used') {
      told = asUsed(reading, settled.usedBy);
      continue;
    }
    told = reading;
    current = settled.outcome === 'gone' ? null : await store.read(order.orderId);
  }
  return null;
}

/** A pushed reading is as old as its question, where that is still known. */
function answering(
  { query }: OrderRecord,
  reading: Reading,
  pushed: { readonly queryId: string } | null,
): Reading {
  return pushed !== null && query?.id === pushed.queryId ? { ...reading, askedAt: query.sentAt } : reading;
}

/** The query still under way after a reading: its own answer, or a poll that was not taken, ends it. */
function queryAfter(
  query: PendingQuery | null,
  reading: Reading,
  answeredQuery: string | null,
): PendingQuery | null {
  if (answeredQuery !== null) return query?.id === answeredQuery ? null : query;
  return reading.kind === 'pending' && reading.awaitedUntil !== undefined ? query : null;
}
