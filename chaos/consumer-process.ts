/**
 * A consumer that follows the results and writes down what it handled, before it is acknowledged. Environment: REDIS_URL,
 * PREFIX, CONSUMER, HANDLED_FILE.
 */

import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { subscribe } from '../src/results/subscribe.ts';
import { handledId } from './consumers.ts';

process.once('disconnect', () => process.exit(0));
process.channel?.unref();

const file = process.env.HANDLED_FILE ?? '';
const subscription = subscribe({
  redis: process.env.REDIS_URL ?? '',
  prefix: process.env.PREFIX ?? '',
  group: 'shop',
  consumer: process.env.CONSUMER ?? '',
  retryAfterMs: 2_000,
  onResult(event) {
    // One clock for all processes of the machine.
    appendFileSync(file, `${process.hrtime.bigint()} ${handledId(event)}\n`);
  },
});
await once(process, 'SIGTERM');
await subscription.close();
