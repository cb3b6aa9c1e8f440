import type { Enqueued } from './enqueue.ts';
import type { Fault, validateOrder } from './validate-order.ts';

/**
 * What became of an order handed in.
 * - `new`, `same`: acknowledged; it is followed until its verdict is out. `sharesReferenceWith` names some open orders of
 *   the account with the same reference, where there are any: the first of them to be paid owns the payment.
 * - `conflict`: this orderId stands for other facts; nothing was changed.
 * - `reference-in-use`: another order, `usedBy`, was paid under this reference; nothing was written.
 * - `invalid`: nothing was written; `faults` names everything that is wrong.
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
 * The result that the caller gets for one of its orders.
 *
 * @param enqueued what Redis said of it; `undefined` where it was invalid and never sent
 */
export function enqueueResultOf(
  validated: ReturnType<typeof validateOrder>,
  input: unknown,
  enqueued: Enqueued = { outcome: 'conflict' },
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
