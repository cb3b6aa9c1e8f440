import type { BackendFactory, Job, RedisQueueBackend, WorkerOptions } from 'bullmq';
import type { Admission, Wait } from '../../accounts/circuit-breaker.ts';
import type { OrderRecord } from '../../orders/record.ts';
import type { SettleResult, Transition } from '../../orders/store.ts';
import type { JobName, QueueJob } from '../queue.ts';

export type PollJob = Job<QueueJob, void, JobName>;

/** What a poll starts from. */
export interface BegunPoll {
  /** `null`: the order is gone. */
  readonly record: OrderRecord | null;
  /** Whether the circuit breaker of the account lets the poll pass. */
  readonly admission: Admission | Wait;
}

/**
 * How the poll worker reaches Redis. There are two implementations, and workers of both kinds may share a queue:
 * `plain-path.ts` uses BullMQ as its documentation shows, `batch-path.ts` does the same work in one script per batch of polls.
 */
export interface PollPath {
  /** The back end of the worker. */
  readonly backend: BackendFactory<RedisQueueBackend>;
  /** Where polls are scarce, the back end starts the most valuable of the due ones first. */
  readonly ranks: boolean;
  /** What the worker's options are with this back end. */
  readonly options: Pick<WorkerOptions, 'skipLockRenewal'>;
  /** Reads what a poll of this job's order starts from. */
  begin(jobId: string, orderId: string): Promise<BegunPoll>;
  /**
   * Writes what a poll led to. The job may be released in the same moment; the worker releases it in any case, which then
   * does nothing.
   */
  finish(jobId: string, step: Transition): Promise<SettleResult>;
}
