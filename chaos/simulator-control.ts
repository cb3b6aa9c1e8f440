import { setTimeout as delay } from 'node:timers/promises';
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
    const answer = await fetch(`${url}/_simulator/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`The simulator refused ${path}: ${await answer.text()}`);
    await answer.arrayBuffer();
  };
  const certificate = await fetch(`${url}/_simulator/daraja-certificate`);
  return {
    url,
    darajaCertificate: await certificate.text(),
    script: (orders) => (orders.length === 0 ? Promise.resolve() : post('orders', orders)),
    outage: (outage) => post('outages', outage),
    expireTokens: (provider) => post('tokens/expire', { provider }),
    async ledger() {
      const answer = await fetch(`${url}/_simulator/ledger`);
      const entries = (await answer.json()) as LedgerEntry[];
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

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/_simulator/health`, { signal: AbortSignal.timeout(1_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    // Not listening yet.
    return false;
  }
}
