import { type DefaultJobOptions, Queue, type QueueOptions, type Telemetry } from 'bullmq';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { createAddBackend } from './backend/add-backend.ts';

/** The data of an order's job. Everything else about the order is in its record. */
export interface QueueJob {
  readonly orderId: string;
  /** Version of this data; absent for version 1, to save memory. */
  readonly version?: number;
}

const jobVersion = 1;

/** The data of an order's job, version 1. */
export function jobData(orderId: string): QueueJob {
  return { orderId };
}

/**
 * The order id of a job.
 *
 * @throws when a newer version of payment-poller added the job: a worker of that version must process it
 */
export function orderOfJob({ orderId, version = jobVersion }: QueueJob): string {
  if (version <= jobVersion) return orderId;
  throw new Error(
    `The job of order ${orderId} has version ${version}, this process knows ${jobVersion}; ` +
      'finish the upgrade of all processes.',
  );
}

/**
 * `poll`: the job of an open order. `wake`: promotes an order's poll job that a worker held when its poll was requested.
 * `answer`: a poll job that was started only to process a pushed answer, and must send no request.
 */
export type JobName = 'poll' | 'wake' | 'answer';
export type PollQueue = Queue<QueueJob, void, JobName>;

/** Opens the queue of one account, named after the account. */
export function createPollQueue(redis: Redis, keys: Keys, account: string, telemetry?: Telemetry): PollQueue {
  const options = {
    connection: redis,
    prefix: keys.queuePrefix(account),
    defaultJobOptions: pollJobOptions,
    // BullMQ writes about three events per poll, which cannot be switched off and which nothing here reads.
    streams: { events: { maxLen: 10 } },
    skipWaitingForReady: true,
    ...(telemetry && { telemetry }),
  } satisfies QueueOptions;
  const queue: PollQueue = new Queue(account, options, createAddBackend(redis, pollJobOptions));
  // Without a listener BullMQ prints every lost connection. Callers see failures through their commands.
  queue.on('error', () => {});
  return queue;
}

/**
 * A job throws only because of a bug or because Redis is unavailable, never because of a gateway. So it is retried practically
 * without limit, with the worker's own capped backoff. `stackTraceLimit` bounds the size of the job (upstream #907).
 */
export const pollJobOptions: DefaultJobOptions = {
  attempts: 1_000_000,
  backoff: { type: 'custom' },
  removeOnComplete: true,
  removeOnFail: false,
  stackTraceLimit: 1,
};

/** Delay before a job that threw is retried: 1 s doubling to 30 s. BullMQ's own exponential backoff has no cap. */
export function jobRetryDelayMs(attemptsMade: number): number {
  return Math.min(1_000 * 2 ** Math.min(attemptsMade - 1, 10), 30_000);
}

/**
 * The job id of an order. BullMQ's custom ids must not contain `:` or consist of digits only, but order ids may. Order ids never
 * contain `~`, so every order has a job id of its own.
 */
export function jobIdOf(orderId: string): string {
  return `o~${orderId.replaceAll(':', '~')}`;
}

/** The order id of a poll job's id; `null` for a job of another kind. */
export function orderIdOf(jobId: string): string | null {
  return jobId.startsWith('o~') ? jobId.slice(2).replaceAll('~', ':') : null;
}

/**
 * The arguments to add an order's job. Adding it while it exists changes nothing. The timestamp is set because BullMQ counts the
 * delay from it, and defaults it to when the job is created, which is milliseconds later in a large batch.
 */
export function pollJob(orderId: string, at: number, now: number) {
  return {
    name: 'poll' as const,
    data: jobData(orderId),
    opts: { jobId: jobIdOf(orderId), timestamp: now, delay: Math.max(0, at - now) },
  };
}

/** True for BullMQ's numbered script errors: the job is no longer in the expected state. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}
