import { setTimeout as delay } from 'node:timers/promises';
import type { OrderInput } from '../../src/jobs/validate-order.ts';
import { orderIdOf } from '../contenders/contender.ts';
import { enqueueAll } from '../support/enqueue.ts';
import { orderAmount } from '../support/gateway.ts';
import { startGatewayChild } from '../support/gateway-child.ts';
import { startReady } from '../support/service.ts';
import { startStore } from '../support/store.ts';

/** Orders whose first poll is watched. */
export interface Probes {
  readonly count: number;
  readonly everyMs: number;
  /** Polls per second of other orders of the same account meanwhile. */
  readonly background: number;
}

const accounts = ['lipia'];
const probePrefix = 'probe-';
const hourMs = 3_600_000;
/** Between the orders being handed in and the first probe: the worker has met every kind of work by then. */
const leadMs = 6_000;
const graceMs = 3_000;
const othersEveryMs = 2_000;

/** Returns how late each probe was, in milliseconds. */
export async function playProbes(probes: Probes, concurrency: number, logDir: string): Promise<number[]> {
  const store = await startStore('redis');
  const gateway = await startGatewayChild({ finalEvery: 0, noted: probePrefix });
  try {
    const options = { redisUrl: store.url, gatewayUrl: gateway.url, accounts, concurrency };
    const { child } = await startReady({ ...options, role: 'worker', logDir });
    try {
      await enqueueAll(store.url, othersOf(probes));
      const createdAt = Date.now() + leadMs;
      await enqueueAll(store.url, {
        accounts,
        count: probes.count,
        order: (nth) => orderOf(probeId(nth), createdAt, firstAfterMs(nth, probes), hourMs),
      });
      await delay(createdAt - Date.now() + probes.count * probes.everyMs + graceMs);
      const arrivals = await gateway.arrivals();
      return Array.from({ length: probes.count }, (_, nth) => nth).flatMap((nth) => {
        const at = arrivals[probeId(nth)];
        return at === undefined ? [] : [at - createdAt - firstAfterMs(nth, probes)];
      });
    } finally {
      await child.close();
    }
  } finally {
    await gateway.close();
    await store.close();
  }
}

function probeId(nth: number): string {
  return `${probePrefix}${nth}`;
}

function firstAfterMs(nth: number, { everyMs }: Probes): number {
  return 1 + Math.round(nth * everyMs);
}

/** As many other orders as keep up the rate, spread over their interval from the start. */
function othersOf({ background }: Probes) {
  const count = Math.round((background * othersEveryMs) / 1_000);
  const createdAt = Date.now();
  return {
    accounts,
    count,
    order: (nth: number) => {
      const firstAfter = 1 + Math.floor((nth * othersEveryMs) / count);
      return orderOf(orderIdOf(nth), createdAt, firstAfter, othersEveryMs);
    },
  };
}

function orderOf(orderId: string, createdAt: number, firstPollAfterMs: number, everyMs: number): OrderInput {
  return {
    orderId,
    account: 'lipia',
    reference: orderId,
    amount: orderAmount,
    createdAt,
    schedule: {
      firstPollAfterMs,
      initialIntervalMs: everyMs,
      maxIntervalMs: everyMs,
      deadlineMs: 24 * hourMs,
    },
  };
}
