import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { LedgerEntry, Outage, ProviderId, SimulatedOrder } from '../src/simulator/simulator.ts';

/** The chaos test's hands on the simulator's control routes. */
export interface SimulatorControl {
  readonly url: string;
  readonly darajaCertificate: string;
  script(orders: readonly SimulatedOrder[]): Promise<void>;
  outage(outage: Outage): Promise<void>;
  expireTokens(provider: ProviderId): Promise<void>;
  ledger(): Promise<LedgerEntry[]>;
}

/** Each question on a connection of its own: the simulator may close an idle one while a busy machine sends on it. */
const dispatcher = new Agent({ pipelining: 0 });

/** Waits for the simulator, then controls it. `clockOffMs` is what its clock is ahead of ours by. */
export async function openSimulatorControl(
  url: string,
  clockOffMs: number,
  withinMs: number,
): Promise<SimulatorControl> {
  const giveUpAt = Date.now() + withinMs;
  while (!(await answers(url))) {
    if (Date.now() > giveUpAt) throw new Error(`The simulator at ${url} did not come up.`);
    await delay(50);
  }
  const post = async (path: string, body: unknown): Promise<void> => {
    await ask(`${url}/_simulator/${path}`, JSON.stringify(body));
  };
  const darajaCertificate = await ask(`${url}/_simulator/daraja-certificate`);
  return {
    url,
    darajaCertificate,
    script: (orders) => (orders.length === 0 ? Promise.resolve() : post('orders', orders)),
    outage: (outage) => post('outages', outage),
    expireTokens: (provider) => post('tokens/expire', { provider }),
    async ledger() {
      const entries = JSON.parse(await ask(`${url}/_simulator/ledger`)) as LedgerEntry[];
      return entries.map((entry) => {
        const { finalAt, paidAt } = entry;
        return {
          ...entry,
          finalAt: finalAt - clockOffMs,
          paidAt: paidAt === null ? null : paidAt - clockOffMs,
        };
      });
    },
  };
}

/** @throws when the simulator refuses it, or does not answer */
async function ask(url: string, body?: string, signal?: AbortSignal): Promise<string> {
  const answer = await request(url, {
    dispatcher,
    ...(body !== undefined && { method: 'POST', body }),
    ...(signal && { signal }),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`The simulator refused ${new URL(url).pathname}: ${text}`);
  return text;
}

async function answers(url: string): Promise<boolean> {
  try {
    await ask(`${url}/_simulator/health`, undefined, AbortSignal.timeout(1_000));
    return true;
  } catch {
    // Not listening yet.
    return false;
  }
}
