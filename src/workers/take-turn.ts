import type { Admission, CircuitBreaker, Wait } from '../accounts/circuit-breaker.ts';
import { deadlineAt } from '../domain/schedule.ts';
import type { OrderRecord } from '../orders/record.ts';

/**
 * Decides right before the request whether this order may be polled now. While the account is degraded, the order acquires
 * the probe, or one of the few polls that orders past their deadline get while the account is paused for whatever reason but
 * locked credentials, so that their verdict does not wait for the provider. Returns until when to wait, `null` to go ahead.
 *
 * @param admitted what `breaker.admit` said
 */
export async function takeTurn(
  breaker: CircuitBreaker,
  { order, progress }: Pick<OrderRecord, 'order' | 'progress'>,
  admitted: Admission | Wait,
  now: number,
): Promise<number | null> {
  const deadline = progress.phase === 'asking' ? deadlineAt(order) : Number.POSITIVE_INFINITY;
  const isOverdue = deadline <= now;
  const waitUntil =
    'waitUntil' in admitted ? admitted.waitUntil : await breaker.enter(admitted, now, order.orderId);
  if (waitUntil === null || ('waitUntil' in admitted && admitted.isLocked)) return waitUntil;
  if (isOverdue) {
    const at = await breaker.enterAtDeadline(now);
    if (at === null) return null;
    // While another order probes, it looks twice as often as the others, and so comes first when the account recovers.
    const again =
      'waitUntil' in admitted ? waitUntil : Math.min(waitUntil, now + Math.ceil(breaker.retryMs / 2));
    return Math.min(at, again);
  }
  // Later than the orders past their deadline, which then have their turn before it.
  return Math.min(waitUntil + breaker.retryMs, deadline);
}
