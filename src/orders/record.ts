import type { Evidence } from '../domain/evidence.ts';
import type { Order } from '../domain/order.ts';
import type { Progress } from '../domain/progress.ts';
import type { Acknowledgement } from './acknowledgement.ts';
import type { CallbackNote } from './callback-log.ts';

/**
 * One order as stored in its Redis hash: its facts, its progress, and when it is polled next.
 *
 * Every write makes a new `revision`, unlike any before it. A transition names the revision that it was decided on, so of two
 * processes that settle the same order only one succeeds.
 */
export interface OrderRecord {
  readonly order: Order;
  readonly progress: Progress;
  readonly history: readonly Evidence[];
  readonly revision: number;
  /** `null` once the order is closed. */
  readonly nextPollAt: number | null;
  /** The query whose pushed answer is awaited. */
  readonly query: PendingQuery | null;
  /** Number of poll requests so far, and how many of them polls have served. */
  readonly hints: number;
  readonly hintsSeen: number;
  /** When the last poll request is due; `null` if no poll was ever requested. */
  readonly hintAt: number | null;
  /** Callbacks about the order, oldest first. They prove nothing, but may be asked for later. */
  readonly callbacks: readonly CallbackNote[];
  /** The last acknowledgement, if it was not taken back. It counts only for the verdict that it names. */
  readonly acknowledgement: Acknowledgement | null;
}

/** A query that the provider answers with a callback. */
export interface PendingQuery {
  /** Hash of its one-time token. */
  readonly id: string;
  readonly sentAt: number;
}

/** The parts of a record that a transition writes. */
export interface RecordUpdate {
  readonly progress: Progress;
  readonly history: readonly Evidence[];
  readonly query: PendingQuery | null;
}

/** The fields of a record's hash. */
export type Fields = { readonly [name: string]: string };
