import type { OrderInput } from '../../src/jobs/validate-order.ts';
import { awaitRedis, connectRedis } from '../../src/redis/connection.ts';
import { createKeys, defaultPrefix } from '../../src/redis/keys.ts';
import { enqueueAll } from '../support/enqueue.ts';
import { orderAmount } from '../support/gateway.ts';
import { launcher, serviceEnvironment } from '../support/service.ts';
import { type Contender, type Load, orderIdOf } from './contender.ts';

const connectMs = 10_000;
const dayMs = 86_400_000;

/** The whole product, as it is started in production. */
export const paymentPoller = paymentPollerWith(['lipia']);

/** The same with its orders spread over several accounts, each of which has a queue of its own. */
export function paymentPollerWith(accounts: readonly string[]): Contender {
  return {
    title: 'payment-poller, all of it on',
    store: 'redis',
    concurrencies: [100, 200, 400, 800],
    settings:
      'start --role worker: record, evidence, breaker, rate limit, exactly-once publishing, metrics, log level info',
    async prepare({ storeUrl }, load) {
      await enqueueAll(storeUrl, {
        accounts,
        count: load.orders,
        order: (nth) => orderOf(nth, accounts[nth % accounts.length] ?? '', load),
      });
    },
    worker: ({ gatewayUrl, storeUrl: redisUrl, port }, _load, concurrency) => ({
      script: launcher,
      args: ['start', '--role', 'worker'],
      env: serviceEnvironment({ redisUrl, gatewayUrl, port, accounts, concurrency }),
      port,
    }),
    async published({ storeUrl }) {
      const redis = connectRedis(storeUrl, 'patient');
      await awaitRedis(redis, storeUrl, connectMs);
      const length = await redis.xlen(createKeys(defaultPrefix).results);
      redis.disconnect();
      return length;
    },
  };
}

/** An order that is due at once, and again after the same time for as long as it is pending. */
function orderOf(nth: number, account: string, { pollEveryMs }: Load): OrderInput {
  const orderId = orderIdOf(nth);
  return {
    orderId,
    account,
    reference: orderId,
    amount: orderAmount,
    schedule: {
      firstPollAfterMs: 1,
      initialIntervalMs: pollEveryMs,
      maxIntervalMs: pollEveryMs,
      deadlineMs: dayMs,
    },
  };
}
