import type { EnqueueOutcome } from './enqueue.ts';
import type { Fault, validateOrder } from './validate-order.ts';

/**
 * Outcome of enqueueing an order.
 * - `new`, `same`: acknowledged; the order is followed until its verdict is published. `sharesReferenceWith` lists some open
 *   orders with the same reference, if there are any: the first of them to be paid claims the payment.
 * - `conflict`: an order with this id and different facts exists; nothing was changed.
 * - `reference-in-use`: another order, `usedBy`, was paid under this reference; nothing was written.
 * - `invalid`: nothing was written; `faults` lists everything that is wrong.
 */
export type EnqueueResult =
  | {
      readonly orderId: string;
      readonly outcome: 'new' | 'same';
      readonly sharesReferenceWith?: readonly string[];
    }
  | {
      readonly orderId: string;
      readonly outcome: 'reference-in-use';
      readonly usedBy: string;
      readonly faults: readonly Fault[];
    }
  | {
      readonly orderId: string | null;
      readonly outcome: 'conflict' | 'invalid';
      readonly faults: readonly Fault[];
    };

/**
 * Builds the result for one order.
 *
 * @param enqueued the outcome in Redis; `undefined` if the order was invalid and not sent
 */
export function enqueueResultOf(
  validated: ReturnType<typeof validateOrder>,
  input: unknown,
  enqueued: EnqueueOutcome = { outcome: 'conflict' },
): EnqueueResult {
  if ('faults' in validated) return { orderId: idOf(input), outcome: 'invalid', faults: validated.faults };
  const { orderId } = validated.order;
  switch (enqueued.outcome) {
    case 'new':
    case 'same': {
      const { outcome, sharing } = enqueued;
      return { orderId, outcome, ...(sharing && { sharesReferenceWith: sharing }) };
    }
    case 'conflict': {
      const message =
        'is already in use with another account, provider, reference, amount or currency; nothing was changed';
      return { orderId, outcome: 'conflict', faults: [{ path: 'orderId', message }] };
    }
    case 'in-use': {
      const { usedBy } = enqueued;
      const message = `already paid order ${usedBy}; one payment pays one order, so start another payment or check ${usedBy}`;
      return { orderId, outcome: 'reference-in-use', usedBy, faults: [{ path: 'reference', message }] };
    }
  }
}

function idOf(input: unknown): string | null {
  const orderId = typeof input === 'object' && input !== null ? Reflect.get(input, 'orderId') : undefined;
  return typeof orderId === 'string' ? orderId.slice(0, 128) : null;
}
