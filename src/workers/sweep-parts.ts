import type { PollQueue } from '../jobs/queue.ts';
import type { OrderStore } from '../orders/store.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import type { Damage, DamageReport } from './damage.ts';
import type { JobPlaces } from './job-places.ts';

/** What the sweeper mends. */
export const sweepKinds = [
  /** An open order that no job would ask about: its job is made again. */
  'record-without-job',
  /** A job whose order is unknown or closed: removed. */
  'job-without-order',
  /** A job that BullMQ gave up: tried again. */
  'failed-job',
  /** An open order missing from a list of open orders: put back. */
  'missing-from-open',
  /** Somebody wanted a poll, or pushed an answer, and died before the job was brought forward: it is now. */
  'forgotten-wish',
  /** A job that is due long after its record's next poll: brought forward to it. */
  'late-job',
  /** A last verdict that is missing from the stream, though it was not removed with age: published again. */
  'missing-result',
  /** That an order owns the payment by which it was paid: written down again. */
  'missing-claim',
] as const;
export type SweepKind = (typeof sweepKinds)[number];

export interface SweepParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly accounts: readonly string[];
  readonly store: OrderStore;
  queue(account: string): PollQueue;
  readonly intervalMs: number;
  readonly resultsRetentionMs: number;
  /** How long a closed order is kept. */
  readonly retentionMs: number;
  /** Metadata keys by which orders are found. Default: none. */
  readonly indexedMetadata?: readonly string[];
  /** The clock of the records' times; by default, this machine's. */
  now?(): number;
  mended(kind: SweepKind, orderId: string): void;
  /** Called once after a sweep that could not read everything. */
  damaged(found: Damage): void;
}

/** Orders looked at per sweep besides those that are overdue; with more open orders, the next sweep goes on. */
export const walkLimit = 20_000;
/** The oldest orders without a verdict, and as many from a random place; failed jobs from a random place. */
export const headLimit = 500;
/** Orders looked at by one script, which other clients of Redis wait for. */
export const batchSize = 250;

/** What one sweep works with besides: the places of the jobs of each account. */
export interface Sweep extends SweepParts {
  readonly report: DamageReport;
  readonly places: ReadonlyMap<string, JobPlaces>;
  /** Accounts that are left alone at present: their poll requests wait, and are not forgotten. */
  readonly resting: ReadonlySet<string>;
}

/** Where to begin, so that every one of `count` is among the `limit` that follow sooner or later. */
export function randomStart(count: number, limit: number): number {
  return Math.floor(Math.random() * (Math.max(0, count - limit) + 1));
}
