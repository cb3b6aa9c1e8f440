import type { HealthChange } from '../accounts/circuit-breaker.ts';
import type { Reading } from '../domain/order.ts';
import type { ResultEvent } from '../domain/result-event.ts';
import type { OrderRecord } from '../orders/record.ts';

/** What the worker tells about its work, for logs and metrics. */
export interface PollObserver {
  reading(record: OrderRecord, reading: Reading, tookMs: number): void;
  published(event: ResultEvent, reading: Reading): void;
  contradiction(record: OrderRecord, reading: Reading): void;
  /** An unrecognised word, the first time that this process sees it. */
  unknownWord(word: string, orderId: string): void;
  /** The order was accepted for another provider than its account has now: it is not asked about. */
  changedProvider(record: OrderRecord): void;
  breaker(change: Exclude<HealthChange, null>, reading: Reading): void;
  /** The order moved, but a list or figure that is made from it could not be written. */
  neglected(what: string, orderId: string): void;
  /** A bug or a lost Redis; never something a gateway did. */
  error(error: Error, orderId: string | null): void;
}
