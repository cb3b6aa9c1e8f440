import type { Progress } from '../jobs/decide.ts';
import type { Order } from '../order.ts';
import type { Redis } from '../redis.ts';
import type { ResultEvent } from '../results/event.ts';
import { eventFields } from '../results/event.ts';
import type { Evidence } from './evidence.ts';
import type { Keys } from './keys.ts';
import {
  canonicalReference,
  newRecordFields,
  type OrderRecord,
  parseRecord,
  progressFields,
} from './record.ts';
import { loadScript } from './script.ts';

const openScript = loadScript('open');
const settleScript = loadScript('settle');

/** What became of an order handed in. `nextPollAt` is `null` when it is closed already. */
export type Opened =
  | { readonly outcome: 'new' | 'same'; readonly nextPollAt: number | null }
  | { readonly outcome: 'conflict' };

/** One step of an order, decided on the given revision. */
export interface Step {
  readonly record: OrderRecord;
  readonly progress: Progress;
  readonly history: readonly Evidence[];
  readonly nextPollAt: number | null;
  readonly event: ResultEvent | null;
}

/**
 * The order records and the results stream: the only place that writes either. Each write is one script on one slot, so
 * a crash leaves the state before or after, never between.
 */
export interface OrderStore {
  /** Records a new order. Accepting it twice changes nothing; other facts under the same id are a conflict. */
  open(order: Order, nextPollAt: number): Promise<Opened>;
  read(orderId: string): Promise<OrderRecord | null>;
  /** `stale`: another process moved the order since `step.record` was read; read and decide again. */
  settle(step: Step): Promise<'settled' | 'stale' | 'gone'>;
}

export interface OrderStoreParts {
  readonly redis: Redis;
  readonly keys: Keys;
  /** How long a closed record is kept. */
  readonly retentionMs: number;
}

export function createOrderStore({ redis, keys, retentionMs }: OrderStoreParts): OrderStore {
  return {
    async open(order, nextPollAt) {
      const facts = [order.account, canonicalReference(order.reference), order.amountMinor, order.currency];
      const reply = await openScript.run(
        redis,
        [keys.order(order.orderId), keys.open],
        [order.orderId, nextPollAt, ...facts, ...Object.entries(newRecordFields(order, nextPollAt)).flat()],
      );
      const [outcome, at] = reply as ['new' | 'same' | 'conflict', string];
      return outcome === 'conflict' ? { outcome } : { outcome, nextPollAt: at === '' ? null : Number(at) };
    },

    async read(orderId) {
      return parseRecord(orderId, await redis.hgetall(keys.order(orderId)));
    },

    async settle({ record, progress, history, nextPollAt, event }) {
      const fields = Object.entries(progressFields(progress, history, nextPollAt)).flat();
      const { orderId } = record.order;
      const reply = await settleScript.run(
        redis,
        [keys.order(orderId), keys.open, keys.results],
        [
          orderId,
          record.revision,
          nextPollAt ?? '',
          retentionMs,
          fields.length,
          ...fields,
          ...(event === null ? [] : eventFields(event)),
        ],
      );
      return reply as 'settled' | 'stale' | 'gone';
    },
  };
}
