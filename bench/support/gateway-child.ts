import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Answered, Arrivals, GatewayOptions } from './gateway.ts';

/** The mock gateway in a process of its own. */
export interface GatewayChild {
  readonly url: string;
  readonly pid: number;
  answered(): Promise<Answered>;
  arrivals(): Promise<Arrivals>;
  close(): Promise<void>;
}

const script = new URL('./gateway-process.ts', import.meta.url);

export async function startGatewayChild(options: GatewayOptions): Promise<GatewayChild> {
  const child = fork(script, [JSON.stringify(options)], { detached: true });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const url = `http://127.0.0.1:${port}`;
  const read = async (what: string) => (await fetch(`${url}/${what}`)).json();
  return {
    url,
    pid: child.pid ?? 0,
    answered: async () => (await read('answered')) as Answered,
    arrivals: async () => (await read('arrivals')) as Arrivals,
    async close() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}
