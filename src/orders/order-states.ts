import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';

const orderStatesScript = loadScript('order-states', import.meta.url);

/** How an order stands, as far as the sweeper needs to know. */
export interface OrderState {
  readonly orderId: string;
  /** `null`: there is no record. */
  readonly account: string | null;
  /** `null`: closed, or no record. */
  readonly nextPollAt: number | null;
  readonly phase: string | null;
  /** When a wish is to be served that no poll has seen yet; `null` when there is none. */
  readonly requestedAt: number | null;
  readonly isOnOpen: boolean;
  readonly isOnAsking: boolean;
  /** Why the record cannot be read; `null` for a good one, and for none. */
  readonly damage: string | null;
}

type Found = string | false;

/** How some hundred orders stand, in their order and in one script. */
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
