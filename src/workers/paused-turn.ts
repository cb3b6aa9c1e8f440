import type { AccountPause } from '../accounts/pause.ts';
import type { Reading } from '../domain/order.ts';
import { deadlineAt } from '../domain/schedule.ts';
import type { OrderRecord } from '../orders/record.ts';

/**
 * Until when an order waits while people have paused its account, at most until its deadline; `null` if that has passed: then its
 * verdict is due all the same, though nobody may be asked.
 */
export function waitWhilePaused(
  { order, progress }: Pick<OrderRecord, 'order' | 'progress'>,
  waitUntil: number,
  now: number,
): number | null {
  if (progress.phase !== 'asking') return waitUntil;
  const deadline = deadlineAt(order);
  return deadline <= now ? null : Math.min(waitUntil, deadline);
}

/** The reading of a poll that is due at the deadline while the account is paused: no request is sent, so it says nothing of the order. */
export function unsentReading({ since }: AccountPause, at: number): Reading {
  return {
    kind: 'unavailable',
    ...{ throttled: false, retryAfterMs: null, aboutOrder: true, unsent: true },
    ...{ source: 'poll', at, httpStatus: null, providerStatus: null, bodySha256: null },
    providerMessage: `not sent: the account has been paused since ${new Date(since).toISOString()}`,
  };
}
