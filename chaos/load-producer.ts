/**
 * Enqueues orders that stay open, through the library, and ends. Environment: REDIS_URL, PREFIX, COUNT, FIRST (number of
 * the first order), PER_SECOND (0: as fast as it goes). Prints one JSON line.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createProducer } from '../src/jobs/producer.ts';
import type { OrderInput } from '../src/jobs/validate-order.ts';

process.once('disconnect', () => process.exit(1));
process.channel?.unref();

const count = Number(process.env.COUNT);
const first = Number(process.env.FIRST);
const perSecond = Number(process.env.PER_SECOND);
// Vexora says of an order that it does not know the same as of a trouble of its own, and its account would rest.
const accounts = ['jenga', 'daraja-stk', 'lipia', 'tanda'];
const batch = perSecond === 0 ? 1_000 : Math.ceil(perSecond / 10);
const spreadMs = 600_000;

const producer = createProducer({
  redis: process.env.REDIS_URL ?? '',
  prefix: process.env.PREFIX ?? '',
  timeoutMs: 30_000,
});
const startedAt = performance.now();
let acknowledged = 0;
for (let done = 0; done < count; done += batch) {
  const dueMs = perSecond === 0 ? 0 : (done * 1_000) / perSecond;
  await delay(Math.max(0, startedAt + dueMs - performance.now()));
  const orders = Array.from({ length: Math.min(batch, count - done) }, (_, index) =>
    orderOf(first + done + index),
  );
  for (const { outcome } of await producer.enqueueMany(orders)) if (outcome === 'new') acknowledged += 1;
}
const seconds = (performance.now() - startedAt) / 1_000;
console.log(JSON.stringify({ acknowledged, seconds, perSecond: Math.round(acknowledged / seconds) }));
await producer.close();

/** Open for an hour, and asked about every ten minutes, each at another time. */
function orderOf(index: number): OrderInput {
  const account = accounts[index % accounts.length] as string;
  const firstPollAfterMs = 1_000 + ((index * 7_919) % spreadMs);
  return {
    orderId: `load:${index}`,
    account,
    reference: `LOAD${index}`,
    amount: '100.00',
    schedule: {
      firstPollAfterMs,
      initialIntervalMs: spreadMs,
      maxIntervalMs: spreadMs,
      deadlineMs: 3_600_000,
    },
    metadata: { customer: 'a name of usual length', basket: index },
  };
}
