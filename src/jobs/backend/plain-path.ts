import { createRedisBackend } from 'bullmq';
import type { CircuitBreaker } from '../../accounts/circuit-breaker.ts';
import { type Clock, machineClock } from '../../domain/clock.ts';
import type { OrderStore } from '../../orders/store.ts';
import type { PollPath } from './poll-path.ts';

/**
 * The poll path with BullMQ's own back end (`POLL_BACKEND=bullmq`): the reference for the fast one, and the fallback when a
 * release of BullMQ breaks it. A poll takes four round trips:
 *
 * 1. BullMQ fetches the next due job and locks it (`moveToActive`).
 * 2. `begin` reads the order's record and the state of the account's circuit breaker.
 * 3. The worker asks the provider and decides; `finish` writes the record and publishes the verdict, in one script.
 * 4. The worker delays the job until the next poll (`job.moveToDelayed` and `DelayedError`), or returns, and BullMQ removes it.
 *
 * A crash between two steps loses nothing: BullMQ hands the job of a dead worker to another one, and a second write for the
 * same poll is refused by the record's revision. What the fast path can do beyond this one is listed in `README.md`.
 */
export function createPlainPath({
  store,
  breaker,
  clock = machineClock,
}: {
  readonly store: Pick<OrderStore, 'read' | 'settle'>;
  readonly breaker: Pick<CircuitBreaker, 'admit'>;
  readonly clock?: Clock | undefined;
}): PollPath {
  return {
    backend: createRedisBackend,
    ranks: false,
    options: { skipLockRenewal: false },

    async begin(_jobId, orderId) {
      const [record, admission] = await Promise.all([store.read(orderId), breaker.admit(clock.now())]);
      return { record, admission };
    },

    finish: (_jobId, step) => store.settle(step),
  };
}
