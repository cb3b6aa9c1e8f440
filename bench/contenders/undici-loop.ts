import { setTimeout as delay } from 'node:timers/promises';
import { createAsk } from './ask-gateway.ts';
import type { Contender, Load, Place } from './contender.ts';
import { orderIdOf } from './contender.ts';
import { inWorkerProcess } from './in-worker-process.ts';

/** Nothing but asking: what no durable contender can beat. The orders are in memory, the verdicts nowhere. */
export const undiciLoop: Contender = {
  title: 'plain undici loop, no durability (the limit)',
  store: 'none',
  concurrencies: [50, 100, 200],
  settings: 'as many loops as connections over a queue in memory',
  prepare: () => Promise.resolve(),
  worker: inWorkerProcess('undici-loop'),
  published: () => Promise.resolve(Number.NaN),
};

export async function startWorker(place: Place, load: Load, concurrency: number) {
  const { ask, close } = createAsk(place.gatewayUrl, concurrency);
  // All wait equally long, so the next one due is always the first.
  const due = createQueue(load.orders);
  const verdicts: string[] = [];
  let isClosing = false;
  async function loop(): Promise<void> {
    while (!isClosing) {
      const next = due.take();
      if (next === null) return;
      if (next.at > Date.now()) await delay(next.at - Date.now());
      const { isFinal, status } = await ask(next.orderId);
      if (isFinal) verdicts.push(`${next.orderId} ${status}`);
      else due.put({ orderId: next.orderId, at: Date.now() + load.pollEveryMs });
    }
  }
  const loops = Array.from({ length: concurrency }, loop);
  return {
    async close() {
      isClosing = true;
      await Promise.all(loops);
      await close();
    },
  };
}

interface Due {
  readonly orderId: string;
  readonly at: number;
}

/** First in, first out, in a ring: orders only ever become fewer. */
function createQueue(orders: number) {
  const ring = Array.from({ length: orders }, (_, nth): Due => ({ orderId: orderIdOf(nth), at: 0 }));
  let first = 0;
  let held = orders;
  return {
    take(): Due | null {
      if (held === 0) return null;
      const next = ring[first] ?? null;
      first = (first + 1) % orders;
      held -= 1;
      return next;
    },
    put(due: Due): void {
      ring[(first + held) % orders] = due;
      held += 1;
    },
  };
}
