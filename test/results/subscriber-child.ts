/** A subscriber in a child process, for tests that kill it: records every handled result in a Redis list. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectRedis } from '../../src/redis/connection.ts';
import { subscribe } from '../../src/results/subscribe.ts';

const [url = '', prefix = '', consumer = ''] = process.argv.slice(2);
const redis = connectRedis(url, 'patient');

subscribe({
  redis: url,
  prefix,
  group: 'shop',
  consumer,
  concurrency: 5,
  retryAfterMs: 1_000,
  async onResult(event) {
    await redis.rpush(`${prefix}:handled`, event.id);
    // The worst moment to be killed: between the effect and the acknowledgement.
    await delay(5);
  },
});
