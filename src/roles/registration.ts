import { randomUUID } from 'node:crypto';
import { createPauseKeeper } from '../accounts/pause.ts';
import { registerAccounts, renewalMs, unregister } from '../accounts/registry.ts';
import { countUnservedOrders, unservedText } from '../jobs/unserved-orders.ts';
import { endsWithin } from '../redis/timeout.ts';
import { ownAccounts } from './account-info.ts';
import type { Shared } from './shared.ts';

/** How long unregistering may take. If Redis is unavailable, the registration expires by itself. */
const closeMs = 1_000;

/**
 * Registers the accounts of this process in Redis and renews that periodically, so that they reappear if Redis loses its data.
 * Also checks for open orders of unserved accounts.
 *
 * @throws when the accounts cannot be registered at startup
 */
export async function startRegistration(shared: Shared) {
  const { config, log, metrics, redis, keys, outage } = shared;
  const processId = randomUUID();
  const { accounts } = ownAccounts(config);
  const own = new Set(accounts.keys());
  const pauses = createPauseKeeper(redis, keys, [...own]);
  let unserved: ReadonlyMap<string, number> = new Map();
  let underWay: Promise<void> | null = null;

  async function checkUnserved(): Promise<void> {
    const before = unserved;
    unserved = await countUnservedOrders(redis, keys, own);
    metrics.unservedOrders.reset();
    for (const [account, orders] of unserved) {
      metrics.unservedOrders.set({ account }, orders);
      if (!before.has(account)) log.warn({ account, orders }, unservedText(account, orders));
    }
  }

  async function renew(): Promise<void> {
    try {
      await registerAccounts(redis, keys, accounts, { processId, restore: true });
      await checkUnserved();
      await pauses.sync();
    } catch (error) {
      if (outage.covers(error)) return;
      log.warn({ err: error }, 'the registration of the accounts could not be renewed; it is retried');
    }
  }

  await registerAccounts(redis, keys, accounts, { processId });
  await checkUnserved().catch((error: unknown) =>
    log.warn({ err: error }, 'open orders of accounts that nobody serves could not be counted'),
  );
  await pauses
    .sync()
    .catch((error: unknown) => log.warn({ err: error }, 'the pauses of the accounts could not be read'));
  const timer = setInterval(
    () => {
      // While Redis is unavailable one renewal waits for it; queuing more would be pointless.
      underWay ??= renew().finally(() => {
        underWay = null;
      });
    },
    Math.min(config.sweepIntervalMs, renewalMs),
  );
  return {
    unserved: () => unserved,
    async close() {
      clearInterval(timer);
      const leave = Promise.resolve(underWay).then(() => unregister(redis, keys, own, processId));
      await endsWithin(
        leave.catch(() => {}),
        closeMs,
      );
    },
  };
}
