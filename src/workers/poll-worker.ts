import { DelayedError, type Telemetry, Worker, type WorkerOptions } from 'bullmq';
import type { CircuitBreaker } from '../accounts/circuit-breaker.ts';
import { deadlineAnswerMs } from '../domain/awaited-answer.ts';
import { type Clock, machineClock } from '../domain/clock.ts';
import type { Policy } from '../domain/decide.ts';
import type { ChanceFinal } from '../domain/poll-class.ts';
import { deadlineAt } from '../domain/schedule.ts';
import { createPlainPath } from '../jobs/backend/plain-path.ts';
import { createPollBackend, type PollBackendLimits } from '../jobs/backend/poll-backend.ts';
import type { PollJob, PollPath } from '../jobs/backend/poll-path.ts';
import { promote, promoteAgain } from '../jobs/poll-now.ts';
import {
  isRefusal,
  type JobName,
  jobIdOf,
  jobRetryDelayMs,
  orderIdOf,
  orderOfJob,
  type PollQueue,
  pollJobOptions,
  type QueueJob,
} from '../jobs/queue.ts';
import type { PaymentRules } from '../orders/ownership.ts';
import type { OrderRecord } from '../orders/record.ts';
import type { OrderStore } from '../orders/store.ts';
import type { Asker } from '../providers/ask.ts';
import { LocalFault } from '../providers/local-fault.ts';
import type { AnswerTo } from '../providers/provider.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { postpone } from './changed-provider.ts';
import { holdPolls } from './held-polls.ts';
import type { NewWords } from './new-words.ts';
import { unsentReading, waitWhilePaused } from './paused-turn.ts';
import type { PollObserver } from './poll-observer.ts';
import { createPollPressure } from './poll-pressure.ts';
import { limiterOf } from './rate-limiter.ts';
import { settle } from './settle-reading.ts';
import { takeTurn } from './take-turn.ts';

export interface PollWorkerParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly account: string;
  /** Id of the account's provider. */
  readonly provider: string;
  readonly queue: PollQueue;
  readonly store: OrderStore;
  readonly breaker: CircuitBreaker;
  readonly asker: Asker;
  /** Remembers a new query of an order and says where its answer is to be posted; `null` where answers come at once. */
  readonly beginQuery: ((orderId: string) => Promise<AnswerTo>) | null;
  readonly policy: Policy;
  /** What is known of the account's completion times: where polls are scarce, those start first that probably find a final status. */
  readonly chanceFinal?: ChanceFinal;
  /** How far the account's payments are distinguished. */
  readonly payments: PaymentRules;
  readonly observer: PollObserver;
  readonly newWords: NewWords;
  readonly limits: PollLimits;
  readonly telemetry?: Telemetry | undefined;
  /** `batch`: one script per batch of polls. `bullmq`: BullMQ's own back end. Default: `batch`. */
  readonly backend?: 'batch' | 'bullmq';
  /** By default, the clock of this machine. */
  readonly clock?: Clock;
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
const localFaultReportMs = 10_000;

type PollWorker = Worker<QueueJob, void, JobName>;

/** Thrown for every poll that is not the last one: made once, because a stack trace costs more than the rest of it. */
const delayed = new DelayedError();

/** Asks one account's provider about its orders: read the record, ask, decide, settle, wait for the next time. */
export function createPollWorker(parts: PollWorkerParts): PollWorker {
  const { account, keys, limits, observer, queue, clock = machineClock } = parts;

  let reportedAt = Number.NEGATIVE_INFINITY;

  /** An order that could not be asked about through a fault of ours waits for its next turn, and nothing is counted. */
  function handBack(error: unknown): number {
    if (!(error instanceof LocalFault)) throw error;
    // Another process may have it at once.
    if (error.isStopping) return clock.now();
    const now = performance.now();
    // It meets every order at once.
    if (now - reportedAt >= localFaultReportMs) {
      reportedAt = now;
      observer.error(error, null);
    }
    return clock.now() + localFaultRetryMs;
  }

  async function process(job: PollJob, token?: string): Promise<void> {
    try {
      await runJob(job, token);
    } finally {
      held.forget(job.id ?? '');
    }
  }

  async function runJob(job: PollJob, token?: string): Promise<void> {
    // Jobs are stored without the options that all of them have; BullMQ needs them should this attempt throw.
    Object.assign(job.opts, pollJobOptions);
    const runAgainAt =
      job.name === 'wake'
        ? await promoteAgain(parts.store, queue, job, clock.now())
        : await pollOrder(parts, orderOfJob(job.data), job.name === 'answer', held.path, job.id).catch(
            handBack,
          );
    if (runAgainAt === null) return;
    const shiftMs = path.ranks ? 0 : pressure.shiftMs(held.patienceOf(job.id ?? '', runAgainAt));
    // BullMQ makes a delay of it by this machine's clock; the back end counts that from now by ours.
    await job.moveToDelayed(Date.now() + runAgainAt + shiftMs - clock.now(), token).catch((error) => {
      if (isRefusal(error)) lost(job.id ?? '');
      throw error;
    });
    throw delayed;
  }

  const { concurrency } = limits;
  const limiter = limiterOf(limits.ratePerSecond);
  const lockDuration = limits.lockDurationMs;
  const lost = (jobId: string) =>
    void followRecord(parts, jobId).catch((error) => observer.error(error, null));
  const patienceOf = (jobId: string, at: number) => held.patienceOf(jobId, at);
  const path = pathOf(parts, { lockDuration, limiter, concurrency }, lost, patienceOf);
  const pressure = createPollPressure();
  const held = holdPolls(path, clock.now, pressure.note, parts.chanceFinal);
  const options = {
    connection: parts.redis,
    prefix: keys.queuePrefix(account),
    concurrency,
    limiter,
    lockDuration,
    stalledInterval: limits.stalledIntervalMs,
    ...path.options,
    // BullMQ waits for the limiter by this machine's clock: set back, it would start nothing until it is there again.
    maximumRateLimitDelay: 1_000,
    // The count of stalls is never reset over a job's life (upstream #2152): with the default of 1, an order whose
    // workers died twice in a week would end as a failed job.
    maxStalledCount: 1_000_000,
    removeOnComplete: { count: 0 },
    settings: { backoffStrategy: jobRetryDelayMs },
    autorun: false,
    ...(parts.telemetry && { telemetry: parts.telemetry }),
  } satisfies WorkerOptions;
  const worker: PollWorker = new Worker(account, process, options, path.backend);
  worker.on('error', (error) => observer.error(error, null));
  worker.on('failed', (job, error) => observer.error(error, job?.data.orderId ?? null));
  return worker;
}

function pathOf(
  parts: PollWorkerParts,
  limits: Omit<PollBackendLimits, 'isTraced'>,
  lost: (jobId: string) => void,
  patienceOf: (jobId: string, at: number) => number,
): PollPath {
  const plain = createPlainPath(parts);
  if (parts.backend === 'bullmq') return plain;
  const isTraced = parts.telemetry !== undefined;
  const backend = createPollBackend(parts.redis, { ...limits, isTraced }, lost, parts.clock, patienceOf);
  // The back end renews the locks: BullMQ would stop for as long as this machine's clock is set back.
  return { ...plain, backend, ranks: true, options: { skipLockRenewal: true } };
}

/**
 * Brings a job forward to its record's next poll. A worker that was frozen for longer than its lock may settle its answer, and
 * can no longer move the job: the worker that took the job over has delayed it to a time that it decided on before.
 */
async function followRecord(
  { store, queue, clock = machineClock }: PollWorkerParts,
  jobId: string,
): Promise<void> {
  const orderId = orderIdOf(jobId);
  const record = orderId === null ? null : await store.read(orderId);
  if (record === null || record.nextPollAt === null) return;
  await promote(queue, record.order.orderId, record.nextPollAt, clock.now());
}

/**
 * One turn of an order. Returns when its job is to run again, `null` when the order is closed.
 *
 * @param asksNobody the turn was started only to take in what was pushed to us: it does not count against the rate
 * @param path by default the plain one, for a poll without a job
 * @throws a `LocalFault` when a fault on our side kept it from being asked about
 */
export async function pollOrder(
  parts: PollWorkerParts,
  orderId: string,
  asksNobody = false,
  path: PollPath = createPlainPath(parts),
  jobId = jobIdOf(orderId),
): Promise<number | null> {
  const { store, breaker, observer, clock = machineClock } = parts;
  const { record, admission } = await path.begin(jobId, orderId);
  if (record === null) return null;
  if (record.order.provider !== parts.provider) {
    observer.changedProvider(record);
    return postpone(store, record, clock.now());
  }

  // Not only when a hint is unseen: a worker that died between two pushed answers has left the second one behind.
  const { openSince } = admission;
  const pushed = record.hints > 0 ? await takePushed(parts, record, openSince) : null;
  if (pushed !== null) return pushed.nextPollAt;
  if (record.progress.phase === 'closed') return null;
  // Another turn has taken it in since, and may have moved the order.
  if (asksNobody) return (await store.read(orderId))?.nextPollAt ?? null;
  const lostAt = queryLostAt(parts.asker, record);
  if (lostAt > clock.now()) return lostAt;
  if ('waitUntil' in admission && admission.pause !== undefined) {
    const now = clock.now();
    const until = waitWhilePaused(record, admission.waitUntil, now);
    if (until !== null) return until;
    const unsent = unsentReading(admission.pause, now);
    return settle(parts, (step) => path.finish(jobId, step), record, unsent, null, openSince);
  }
  const waitUntil = await takeTurn(breaker, record, admission, clock.now());
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
  await reportToBreaker(parts, asProbe, reading, clock.now(), { orderId });
  return settle(parts, (step) => path.finish(jobId, step), asked, reading, null, openSince);
}

/** Tells the breaker what was heard. What stands broken in its keys is no reason to lose the answer, which is settled next. */
async function reportToBreaker(
  { breaker, observer }: Pick<PollWorkerParts, 'breaker' | 'observer'>,
  ...[admission, reading, now, asked]: Required<Parameters<CircuitBreaker['report']>>
): Promise<void> {
  try {
    const change = await breaker.report(admission, reading, now, asked);
    if (change !== null) observer.breaker(change, reading);
  } catch (error) {
    observer.error(error instanceof Error ? error : new Error(String(error)), asked.orderId);
  }
}

/** Settles the answers that were pushed to us. `null`: there were none. */
async function takePushed(
  parts: PollWorkerParts,
  record: OrderRecord,
  openSince: number | undefined,
): Promise<{ readonly nextPollAt: number | null } | null> {
  const { store, observer, clock = machineClock } = parts;
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
    await reportToBreaker(parts, { troubled: true, probing: false }, reading, clock.now(), asked);
    taken = {
      nextPollAt: await settle(parts, store.settle, current, reading, { entry, queryId }, openSince),
    };
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
