/**
 * Hands in one order and dies by SIGKILL between its record and its job. Environment: REDIS_URL, PREFIX, ORDER (JSON).
 */

import { readAccounts } from '../src/accounts/accounts.ts';
import { enqueueOrders } from '../src/jobs/enqueue.ts';
import { createPollQueue } from '../src/jobs/queue.ts';
import { validateOrder } from '../src/jobs/validate-order.ts';
import { paymentsWithin } from '../src/orders/ownership.ts';
import { createOrderStore } from '../src/orders/store.ts';
import { providers } from '../src/providers/index.ts';
import { connectRedis } from '../src/redis/connection.ts';
import { createKeys } from '../src/redis/keys.ts';

const redis = connectRedis(process.env.REDIS_URL ?? '', 'patient');
const keys = createKeys(process.env.PREFIX);
const accounts = await readAccounts(redis, keys, providers);
const validated = validateOrder(JSON.parse(process.env.ORDER ?? '{}'), accounts, providers, Date.now());
if ('faults' in validated)
  throw new Error(`The chaos test's own order is not valid: ${JSON.stringify(validated)}`);

const store = createOrderStore({ redis, keys, retentionMs: 86_400_000 });
await enqueueOrders(
  {
    store: {
      ...store,
      async open(...order) {
        const opened = await store.open(...order);
        process.kill(process.pid, 'SIGKILL');
        return opened;
      },
    },
    queue: (account) => createPollQueue(redis, keys, account),
    names: () => [],
    payments: ({ account }) => paymentsWithin(account),
    now: Date.now,
  },
  [validated.order],
);
