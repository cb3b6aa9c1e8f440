import type { Progress } from '../domain/decide.ts';
import type { Evidence } from '../domain/evidence.ts';
import type { Order } from '../domain/order.ts';

/**
 * One order as it stands in its Redis hash: what was accepted, what is known, when it is asked about next.
 *
 * `revision` grows with every write; a write names the revision that it was made from, so no two processes can both
 * believe that they moved the same order.
 */
export interface OrderRecord {
  readonly order: Order;
  readonly progress: Progress;
  readonly history: readonly Evidence[];
  readonly revision: number;
  /** An earlier release wrote it: the next step writes it anew. */
  readonly isOldForm: boolean;
  /** `null` once closed. */
  readonly nextPollAt: number | null;
  /** A query whose answer is to be pushed to us. */
  readonly query: PendingQuery | null;
  /** How often someone asked for a poll now, and how many of those wishes the polls so far have seen. */
  readonly hints: number;
  readonly hintsSeen: number;
  /** When the last of those wishes is to be served; `null` when nobody ever wished. */
  readonly hintAt: number | null;
}

/** A query under way at a provider that answers later. */
export interface PendingQuery {
  /** Fingerprint of its one-time token. */
  readonly id: string;
  readonly sentAt: number;
}

/** What a step writes. */
export interface RecordUpdate {
  readonly progress: Progress;
  readonly history: readonly Evidence[];
  readonly query: PendingQuery | null;
}

/** The fields of a record's hash. */
export type Fields = { readonly [name: string]: string };

/** The larger parts of a record as its fields hold them, not looked through yet. Each throws when its text is broken. */
export interface RecordParts {
  order(): object;
  progress(): object;
  history(): readonly object[];
}
