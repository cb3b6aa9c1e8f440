import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { LedgerEntry, SimulatedOrder } from '../src/simulator/simulator.ts';

/** The simulator in a process of its own, so that it does not measure itself along with us. */
export interface SimulatorChild {
  readonly url: string;
  script(orders: readonly SimulatedOrder[]): Promise<void>;
  ledger(): Promise<LedgerEntry[]>;
  /** What each provider was asked. */
  requests(): Promise<{ readonly [provider: string]: { readonly maxPerSecond: number } }>;
  close(): Promise<void>;
}

const command = new URL('../bin/payment-poller.js', import.meta.url).pathname;

/** @throws when it does not say where it listens */
export async function startSimulatorChild(): Promise<SimulatorChild> {
  const child = spawn(process.execPath, [command, 'simulate', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await listeningUrl(createInterface({ input: child.stdout }));
  return {
    url,
    async script(orders) {
      const answer = await fetch(`${url}/_simulator/orders`, {
        method: 'POST',
        body: JSON.stringify(orders),
      });
      if (!answer.ok) throw new Error(`The simulator refused the scripts: ${await answer.text()}`);
    },
    ledger: async () => (await (await fetch(`${url}/_simulator/ledger`)).json()) as LedgerEntry[],
    requests: async () => (await (await fetch(`${url}/_simulator/requests`)).json()) as never,
    async close() {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}

async function listeningUrl(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) {
    const url = /listens on (http:\/\/[^\s;]+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error('The simulator ended before it listened.');
}
