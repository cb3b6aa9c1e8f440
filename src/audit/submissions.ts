import { setTimeout as delay } from 'node:timers/promises';
import { orderIdPattern } from '../domain/order.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { type AuditEntry, append } from './audit.ts';

/** Orders that were enqueued past the HTTP API, for the audit trail. */
export interface Submissions {
  /** Notes what became of an order. Never waits and never throws. */
  note(outcome: string, orderId: string | null): void;
  /** Writes what has been noted, as far as that is possible at once. */
  close(): Promise<void>;
}

export interface SubmissionsParts {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Who enqueues, and from where. */
  readonly by: Pick<AuditEntry, 'actor' | 'from'>;
}

/** One entry for all orders of so long: an entry for each would cost Redis a tenth of what the order itself does. */
const gatherMs = 1_000;
const closeMs = 500;

/** Adds an entry for each order that was enqueued alone, and one with their numbers for many in a second. */
export function createSubmissions({ redis, keys, by }: SubmissionsParts): Submissions {
  let counts = new Map<string, number>();
  let lastId: string | undefined;
  let timer: NodeJS.Timeout | undefined;

  function entryOf(): AuditEntry {
    const outcomes = [...counts];
    const [[outcome, count] = ['', 0]] = outcomes;
    if (outcomes.length === 1 && count === 1)
      return { ...by, action: 'order-submitted', outcome, orderId: lastId };
    const numbers = outcomes.map(([each, times]) => `${times} ${each}`).join(', ');
    return { ...by, action: 'orders-submitted', outcome: numbers };
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (counts.size === 0) return;
    const entry = entryOf();
    counts = new Map();
    // Best effort: a user of Redis that may not write the audit trail, or an outage, keeps no order out.
    await append(redis, keys, entry).catch(() => {});
  }

  return {
    note(outcome, orderId) {
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      // What is no order id may be anything.
      lastId = orderId !== null && orderIdPattern.test(orderId) ? orderId : undefined;
      // It keeps no process alive: whoever closes the producer loses nothing.
      timer ??= setTimeout(() => void flush(), gatherMs).unref();
    },
    async close() {
      await Promise.race([flush(), delay(closeMs, undefined, { ref: false })]);
    },
  };
}
