import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Checkout, Handed } from './checkout.ts';
import type { Places } from './environment.ts';
import { stormSeconds } from './workload.ts';

/** Shoppers who press "check again" every second. */
export interface Storms {
  close(): Promise<void>;
}

const everyMs = 1_000;
const answerMs = 5_000;

/** From now on somebody asks for a poll of each stormy order every second, for a while. */
export function openStorms({ handed }: Checkout, { apiPort, apiKey }: Places, stop: AbortSignal): Storms {
  const closing = new AbortController();
  const over = AbortSignal.any([closing.signal, stop]);
  const agent = new Agent({ connections: 32 });

  async function blow(): Promise<void> {
    while (!over.aborted) {
      const now = Date.now();
      await Promise.all([...handed.values()].filter((one) => isStormy(one, now)).map(hint));
      await delay(Math.max(0, now + everyMs - Date.now()), undefined, { signal: over }).catch(() => {});
    }
  }

  /** Whatever becomes of it: nobody promises anything to who is impatient. */
  async function hint({ order }: Handed): Promise<void> {
    try {
      const answer = await request(`http://127.0.0.1:${apiPort}/v1/orders/${order.orderId}/poll`, {
        dispatcher: agent,
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}` },
        headersTimeout: answerMs,
      });
      await answer.body.dump();
    } catch {
      // The API is away at the moment.
    }
  }

  const done = blow();
  return {
    async close() {
      closing.abort();
      await agent.destroy();
      await done;
    },
  };
}

function isStormy({ order, oursSince }: Handed, now: number): boolean {
  return order.storm === 'polls' && oursSince !== null && now < oursSince + stormSeconds * 1_000;
}
