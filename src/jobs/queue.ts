import { type DefaultJobOptions, Queue, type QueueOptions, type Telemetry } from 'bullmq';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { createAddBackend } from './backend/add-backend.ts';

/** The engine of one order. Everything else about it stands in its record. */
export interface QueueJob {
  readonly orderId: string;
  /** The form of this data; absent in form 1, of which there are as many as open orders. */
  readonly version?: number;
}

const jobVersion = 1;

/** What the job of an order carries: form 1. */
export function jobData(orderId: string): QueueJob {
  return { orderId };
}

/**
 * The order of a job.
 *
 * @throws when a newer version of payment-poller wrote the job: it is left to a worker of that version
 */
export function orderOfJob({ orderId, version = jobVersion }: QueueJob): string {
  if (version <= jobVersion) return orderId;
  throw new Error(
    `The job of order ${orderId} has version ${version}, this process knows ${jobVersion}; ` +
      'finish the upgrade of all processes.',
  );
}

/**
 * `poll`: one per open order. `wake`: brings the poll job of an order forward that a worker holds at the moment. `answer`: a
 * poll job that was started only to take in an answer that was pushed to us, and must ask nobody.
 */
export type JobName = 'poll' | 'wake' | 'answer';
export type PollQueue = Queue<QueueJob, void, JobName>;

/** The queue of one account, named as the account. */
export function createPollQueue(redis: Redis, keys: Keys, account: string, telemetry?: Telemetry): PollQueue {
  const options = {
    connection: redis,
    prefix: keys.queuePrefix(account),
    defaultJobOptions: pollJobOptions,
    // BullMQ writes about three events a poll and cannot be told not to; nobody here reads them.
    streams: { events: { maxLen: 10 } },
    skipWaitingForReady: true,
    ...(telemetry && { telemetry }),
  } satisfies QueueOptions;
  const queue: PollQueue = new Queue(account, options, createAddBackend(redis, pollJobOptions));
  // Without a listener BullMQ prints every lost connection on the console; callers learn of it from their commands.
  queue.on('error', () => {});
  return queue;
}

/**
 * A job that throws met a bug or a lost Redis, never a gateway: it is tried again for ever, with the worker's own capped
 * backoff. `stackTraceLimit` keeps repeated errors from growing the job without bound (upstream #907).
 */
export const pollJobOptions: DefaultJobOptions = {
  attempts: 1_000_000,
  backoff: { type: 'custom' },
  removeOnComplete: true,
  removeOnFail: false,
  stackTraceLimit: 1,
};

/** Wait before a job that threw is tried again: 1 s doubling to 30 s. BullMQ's own exponential backoff has no cap. */
export function jobRetryDelayMs(attemptsMade: number): number {
  return Math.min(1_000 * 2 ** Math.min(attemptsMade - 1, 10), 30_000);
}

/**
 * The job id of an order. Custom ids may hold no `:` and not be all digits, order ids may; `~` occurs in neither, so no
 * two orders share a job id.
 */
export function jobIdOf(orderId: string): string {
  return `o~${orderId.replaceAll(':', '~')}`;
}

/** The order of a poll job's id; `null` for a job of another kind. */
export function orderIdOf(jobId: string): string | null {
  return jobId.startsWith('o~') ? jobId.slice(2).replaceAll('~', ':') : null;
}

/**
 * The arguments with which the job of an order is added. Adding it again while it exists changes nothing. BullMQ counts the
 * delay from the timestamp, by default the time at which it makes the job, which is milliseconds later in a large batch.
 */
export function pollJob(orderId: string, at: number, now: number) {
  return {
    name: 'poll' as const,
    data: jobData(orderId),
    opts: { jobId: jobIdOf(orderId), timestamp: now, delay: Math.max(0, at - now) },
  };
}

/** BullMQ's scripts refuse a change with a numbered error when the job is no longer in the state that it was seen in. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}
