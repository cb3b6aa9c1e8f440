import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import type { Stage } from '../scenario.ts';
import type { Target } from './attack.ts';
import { bearer, form, send, sendForHeaders } from './send.ts';

/** Who has a right to be served, whatever happens beside it. */
export interface HonestClients {
  /** Stops; returns how long each kind of request took, and what was never served. */
  end(): Promise<Served>;
}

export interface Served {
  readonly tookMs: { readonly [what: string]: readonly number[] };
  readonly unserved: readonly string[];
}

/** An honest client tries again, as the API asks for while it is busy; whoever is not served by then is shut out. */
const patienceMs = 30_000;
const retryMs = 250;
const everyMs = { 'an order': 250, 'event stream': 2_000, login: 3_000 } as const;

/** From now on a checkout looks up orders, a consumer opens event streams, and the operator logs in, again and again. */
export function openHonestClients(
  { world, checkout, random, stop, allow }: Stage,
  operator: Target['operator'],
): HonestClients {
  const { apiPort: port, apiKey } = world.places;
  const closing = new AbortController();
  const over = AbortSignal.any([closing.signal, stop]);
  const tookMs: { [what: string]: number[] } = {};
  const unserved: string[] = [];
  const requests: { [what in keyof typeof everyMs]: () => Promise<string> } = {
    'an order': () => {
      const orders = [...checkout.handed.values()].filter(({ oursSince }) => oursSince !== null);
      if (orders.length === 0) return Promise.resolve('200');
      const path = `/v1/orders/${encodeURIComponent(random.pick(orders).order.orderId)}`;
      return send({ port }, { path, headers: bearer(apiKey) });
    },
    'event stream': () => openStream(port, apiKey),
    login: () => logIn(port, operator),
  };

  async function keepAsking(what: keyof typeof everyMs): Promise<void> {
    const times: number[] = [];
    tookMs[what] = times;
    while (!over.aborted) {
      const startedAt = performance.now();
      let answer = await requests[what]();
      while (answer !== '200' && performance.now() - startedAt < allow(patienceMs) && !stop.aborted) {
        await delay(retryMs);
        answer = await requests[what]();
      }
      times.push(performance.now() - startedAt);
      if (answer !== '200' && !stop.aborted) unserved.push(`${what} (${answer})`);
      await delay(everyMs[what], undefined, { signal: over }).catch(() => {});
    }
  }

  const asking = Promise.all((Object.keys(everyMs) as (keyof typeof everyMs)[]).map(keepAsking));
  return {
    async end() {
      closing.abort();
      await asking;
      return { tookMs, unserved };
    },
  };
}

/** `200` once the stream has begun. */
async function openStream(port: number, apiKey: string): Promise<string> {
  try {
    const url = `http://127.0.0.1:${port}/v1/results?from=0`;
    const answer = await request(url, { headers: bearer(apiKey), headersTimeout: patienceMs });
    answer.body.on('error', () => {}).destroy();
    return String(answer.statusCode);
  } catch (error) {
    return String(error);
  }
}

/** `200` when the right password leads to the overview. */
async function logIn(port: number, operator: Target['operator']): Promise<string> {
  const { answer, cookies } = await sendForHeaders({ port }, form({ ...operator }));
  return answer === '303' ? send({ port }, { path: '/', headers: { cookie: cookies } }) : answer;
}
