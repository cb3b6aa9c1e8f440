/** A subscriber in a process of its own, for tests that kill it: notes every result it handles in a Redis list. */
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
    // Between the effect and the acknowledgement: where a kill hurts most.
    await delay(5);
  },
});
