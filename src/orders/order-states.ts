import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';

const orderStatesScript = loadScript('order-states', import.meta.url);

/** The state of an order, as far as the sweeper needs it. */
export interface OrderState {
  readonly orderId: string;
  /** `null` if there is no record. */
  readonly account: string | null;
  /** `null` if the order is closed or has no record. */
  readonly nextPollAt: number | null;
  readonly phase: string | null;
  /** When a pending poll request is due; `null` if there is none. */
  readonly requestedAt: number | null;
  readonly isOnOpen: boolean;
  readonly isOnAsking: boolean;
  /** Why the record cannot be read; `null` if it can, or does not exist. */
  readonly damage: string | null;
}

type Found = string | false;

/** Reads the states of up to a few hundred orders with one script. */
export async function readOrderStates(
  redis: Redis,
  keys: Keys,
  orderIds: readonly string[],
): Promise<OrderState[]> {
  if (orderIds.length === 0) return [];
  const reply = await orderStatesScript.run(
    redis,
    [keys.open, keys.asking, ...orderIds.map(keys.order)],
    orderIds,
  );
  return (JSON.parse(reply as string) as (Found[] | string)[]).map((found, nth) =>
    toOrderState(orderIds[nth] as string, found),
  );
}

function toOrderState(orderId: string, found: Found[] | string): OrderState {
  if (typeof found === 'string') return { ...unreadable(orderId), damage: found };
  const [account, nextPollAt, phase, hints, hintsSeen, hintAt, open, asking] = found;
  const state = {
    orderId,
    account: account || null,
    nextPollAt: nextPollAt ? Number(nextPollAt) : null,
    phase: phase || null,
    requestedAt: Number(hints || 0) > Number(hintsSeen || 0) ? Number(hintAt || 0) : null,
    isOnOpen: open !== false,
    isOnAsking: asking !== false,
    damage: null,
  };
  const isTime = (at: number | null) => at === null || Number.isFinite(at);
  if (isTime(state.nextPollAt) && isTime(state.requestedAt)) return state;
  return { ...unreadable(orderId), damage: 'nextPollAt or hintAt is no time' };
}

function unreadable(orderId: string): OrderState {
  return {
    ...{ orderId, account: null, nextPollAt: null, phase: null, requestedAt: null },
    ...{ isOnOpen: false, isOnAsking: false, damage: null },
  };
}
