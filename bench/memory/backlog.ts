import { setTimeout as delay } from 'node:timers/promises';
import type { OrderInput } from '../../src/jobs/validate-order.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { type Load, orderIdOf } from '../contenders/contender.ts';
import { paymentPoller } from '../contenders/payment-poller.ts';
import { enqueueAll } from '../support/enqueue.ts';
import { orderAmount } from '../support/gateway.ts';
import { startGatewayChild } from '../support/gateway-child.ts';
import { startReady } from '../support/service.ts';
import { type Store, startStore } from '../support/store.ts';

/** A Redis full of open orders. */
export interface Backlog {
  readonly store: Store;
  readonly size: number;
  readonly enqueuedPerSecond: number;
  readonly bytesPerOrder: number;
  /** Starts a worker on it, and ends it again. Returns the milliseconds from spawn to ready. */
  timeToReady(logDir: string): Promise<number>;
}

const accounts = ['lipia'];
const monthMs = 30 * 86_400_000;
const polledWithinMs = 120_000;

/** Fills a Redis with `size` open orders, of which `due.orders` are due at once and the others in a month. */
export async function openBacklog(size: number, due: Load): Promise<Backlog> {
  const store = await startStore('redis');
  const before = await usedMemory(store.url);
  const count = size - due.orders;
  const tookMs = await enqueueAll(store.url, {
    accounts,
    count,
    order: (nth) => orderOf(due.orders + nth, monthMs),
  });
  const bytesPerOrder = ((await usedMemory(store.url)) - before) / count;
  await paymentPoller.prepare({ storeUrl: store.url, gatewayUrl: '', port: 0 }, due);
  return {
    store,
    size,
    enqueuedPerSecond: (count * 1_000) / tookMs,
    bytesPerOrder,
    async timeToReady(logDir) {
      const gateway = await startGatewayChild({ finalEvery: 0 });
      const options = { redisUrl: store.url, gatewayUrl: gateway.url, accounts, concurrency: 100 };
      const { child, readyMs } = await startReady({ ...options, role: 'worker', logDir });
      await child.close();
      await gateway.close();
      return readyMs;
    },
  };
}

/** What an order takes at several stages of its life. */
export async function bytesPerOrder(
  count: number,
  logDir: string,
): Promise<{ name: string; bytes: number }[]> {
  const fresh = await bytesOf(count, false, logDir);
  const hinted = await bytesOf(count, true, logDir);
  return [
    { name: 'waiting for its first poll', bytes: fresh.waiting },
    { name: 'after its first answer, which is kept as evidence', bytes: fresh.polled },
    { name: 'the same at an account with callbacks, found by its reference', bytes: hinted.polled },
  ];
}

async function bytesOf(count: number, callbacks: boolean, logDir: string) {
  const store = await startStore('redis');
  const gateway = await startGatewayChild({ finalEvery: 0 });
  try {
    const before = await usedMemory(store.url);
    await enqueueAll(store.url, { accounts, callbacks, count, order: (nth) => orderOf(nth, 1) });
    const waiting = ((await usedMemory(store.url)) - before) / count;
    const options = { redisUrl: store.url, gatewayUrl: gateway.url, accounts, concurrency: 100 };
    const { child } = await startReady({ ...options, role: 'worker', logDir });
    const giveUpAt = Date.now() + polledWithinMs;
    while ((await gateway.answered()).polls < count && Date.now() < giveUpAt) await delay(100);
    await child.close();
    return { waiting, polled: ((await usedMemory(store.url)) - before) / count };
  } finally {
    await gateway.close();
    await store.close();
  }
}

/** As a checkout hands it in: the account's own schedule, a little metadata. */
function orderOf(nth: number, firstPollAfterMs: number): OrderInput {
  const orderId = orderIdOf(nth);
  return {
    orderId,
    account: 'lipia',
    reference: orderId,
    amount: orderAmount,
    schedule: {
      firstPollAfterMs,
      initialIntervalMs: monthMs,
      maxIntervalMs: monthMs,
      deadlineMs: 2 * monthMs,
    },
    metadata: { cart: `cart-${nth}` },
  };
}

async function usedMemory(url: string): Promise<number> {
  const redis = connectRedis(url, 'patient');
  const used = /^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1];
  redis.disconnect();
  return Number(used);
}
