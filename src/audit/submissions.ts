import { setTimeout as delay } from 'node:timers/promises';
import { orderIdPattern } from '../domain/order.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { type AuditEntry, append } from './audit.ts';

/** Records orders that were not enqueued over HTTP in the audit trail. */
export interface Submissions {
  /** Records the outcome of an order. Never waits and never throws. */
  note(outcome: string, orderId: string | null): void;
  /** Writes what is pending, within a short time limit. */
  close(): Promise<void>;
}

export interface SubmissionsParts {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Who enqueues, and from where. */
  readonly by: Pick<AuditEntry, 'actor' | 'from'>;
}

/** Orders within this period share an entry; one each would add a tenth to the load that an order puts on Redis. */
const gatherMs = 1_000;
const closeMs = 500;

/** Adds one entry per second: with the order's id for a single order, with counts by outcome for several. */
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
    // Best effort: neither an outage nor a Redis user without access to the audit trail may block an order.
    await append(redis, keys, entry).catch(() => {});
  }

  return {
    note(outcome, orderId) {
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      // An invalid order id could contain anything, so it is not recorded.
      lastId = orderId !== null && orderIdPattern.test(orderId) ? orderId : undefined;
      // Does not keep the process alive; closing the producer writes what is pending.
      timer ??= setTimeout(() => void flush(), gatherMs).unref();
    },
    async close() {
      await Promise.race([flush(), delay(closeMs, undefined, { ref: false })]);
    },
  };
}
