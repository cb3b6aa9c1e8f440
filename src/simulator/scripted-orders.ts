import { createReceiptMaker } from './receipts.ts';
import type { OrderScript } from './script.ts';

/** A scripted order and what has happened to it. Counters are written by the part that sees the event. */
export interface ScriptedOrder {
  readonly script: OrderScript;
  /** Epoch milliseconds from which the timeline and the fault windows count. */
  readonly scriptedAt: number;
  readonly receipt: string;
  /** What arrives once the order is paid, in major units with two decimals. */
  readonly amountPaid: string;
  /** A number of its own, for the ids that providers make up. */
  readonly serial: number;
  /** Status requests that named this order, however they were answered. */
  polls: number;
  /** Those answered without a fault and without a refusal. */
  answered: number;
  /** Those that came while the provider's limit was exceeded. */
  overLimit: number;
  /** Transaction Status queries acknowledged. */
  queries: number;
  /** Results posted, and queue time-outs posted (Transaction Status only). */
  results: number;
  queueTimeouts: number;
  /** Callbacks posted. */
  callbacks: number;
  /** Posts of any kind that got no answer of 2xx. */
  undelivered: number;
}

/** All scripted orders, by provider and by the reference that the provider is asked by. */
export interface ScriptedOrders {
  /** Enters an order; the same provider and reference again starts afresh. */
  add(script: OrderScript, scriptedAt: number): ScriptedOrder;
  /** Finds by reference; by receipt too at providers that are asked by it. */
  find(provider: string, key: string): ScriptedOrder | undefined;
  all(): ScriptedOrder[];
  readonly size: number;
}

/** What must be known of a provider to find its orders. */
interface Asked {
  readonly id: string;
  /** Whether orders are found by their receipt too, and whether this reference is one. */
  isReceipt?(reference: string): boolean;
}

/** Makes an empty collection. */
export function createScriptedOrders(providers: readonly Asked[]): ScriptedOrders {
  const references = new Map(providers.map(({ id }) => [id, new Map<string, ScriptedOrder>()]));
  const receipts = new Map(
    providers
      .filter(({ isReceipt }) => isReceipt !== undefined)
      .map(({ id }) => [id, new Map<string, ScriptedOrder>()]),
  );
  const makeReceipt = createReceiptMaker();
  let serial = 0;
  return {
    add(script, scriptedAt) {
      serial += 1;
      const order: ScriptedOrder = {
        script,
        scriptedAt,
        receipt: script.receipt ?? (isReceipt(providers, script) ? script.reference : makeReceipt()),
        amountPaid: script.amountPaid ?? defaultAmountPaid(script),
        serial,
        polls: 0,
        answered: 0,
        overLimit: 0,
        queries: 0,
        results: 0,
        queueTimeouts: 0,
        callbacks: 0,
        undelivered: 0,
      };
      references.get(script.provider)?.set(script.reference, order);
      receipts.get(script.provider)?.set(order.receipt, order);
      return order;
    },
    find(provider, key) {
      return references.get(provider)?.get(key) ?? receipts.get(provider)?.get(key);
    },
    all() {
      return [...references.values()].flatMap((orders) => [...orders.values()]);
    },
    get size() {
      let size = 0;
      for (const orders of references.values()) size += orders.size;
      return size;
    },
  };
}

function isReceipt(providers: readonly Asked[], { provider, reference }: OrderScript): boolean {
  return providers.find(({ id }) => id === provider)?.isReceipt?.(reference) === true;
}

function defaultAmountPaid({ amount, timeline }: OrderScript): string {
  if (!timeline.some(({ state }) => state === 'partly-paid')) return amount;
  const halfMinor = Math.floor(Math.round(Number(amount) * 100) / 2);
  return (halfMinor / 100).toFixed(2);
}
