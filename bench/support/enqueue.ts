import { registerAccounts } from '../../src/accounts/registry.ts';
import { defaultSchedule } from '../../src/domain/schedule.ts';
import { createProducer } from '../../src/jobs/producer.ts';
import type { OrderInput } from '../../src/jobs/validate-order.ts';
import { awaitRedis, connectRedis } from '../../src/redis/connection.ts';
import { createKeys, defaultPrefix } from '../../src/redis/keys.ts';

const perCall = 5_000;
const connectMs = 10_000;

/** What to hand in. */
export interface Batch {
  readonly accounts: readonly string[];
  /** Whether the accounts take callbacks, so that orders are found by the names that the provider uses. */
  readonly callbacks?: boolean;
  readonly count: number;
  order(nth: number): OrderInput;
}

/**
 * Hands orders in as a checkout would, without knowing the service. Returns how long that took, in milliseconds.
 *
 * @throws when any of them was not new
 */
export async function enqueueAll(redisUrl: string, batch: Batch): Promise<number> {
  await announce(redisUrl, batch);
  const producer = createProducer({ redis: redisUrl, timeoutMs: 60_000 });
  let tookMs = 0;
  for (let from = 0; from < batch.count; from += perCall) {
    const count = Math.min(perCall, batch.count - from);
    const orders = Array.from({ length: count }, (_, nth) => batch.order(from + nth));
    const startedAt = performance.now();
    const results = await producer.enqueueMany(orders);
    tookMs += performance.now() - startedAt;
    const refused = results.find(({ outcome }) => outcome !== 'new');
    if (refused !== undefined) throw new Error(`An order was refused: ${JSON.stringify(refused)}`);
  }
  await producer.close();
  return tookMs;
}

/** Makes the accounts known to producers before any service has. */
async function announce(redisUrl: string, { accounts, callbacks = false }: Batch): Promise<void> {
  const redis = connectRedis(redisUrl, 'patient');
  await awaitRedis(redis, redisUrl, connectMs);
  const info = {
    provider: 'lipia',
    currency: 'KES',
    schedule: defaultSchedule,
    callbacks,
    sharedReferences: false,
  };
  await registerAccounts(redis, createKeys(defaultPrefix), new Map(accounts.map((id) => [id, info])));
  redis.disconnect();
}
