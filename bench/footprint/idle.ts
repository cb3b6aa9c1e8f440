import { setTimeout as delay } from 'node:timers/promises';
import { cpuMs, residentBytes } from '../support/cpu-time.ts';
import { startReady } from '../support/service.ts';
import { startStore } from '../support/store.ts';

/** What an idle process of the service takes. */
export interface IdleFigures {
  readonly readyMs: number;
  readonly residentBytes: number;
  readonly corePercent: number;
  readonly redisCorePercent: number;
}

/** What is watched, and how long. */
export interface Watch {
  readonly launcher: string;
  readonly role: 'worker' | 'all';
  readonly windowMs: number;
  readonly logDir: string;
}

/** What a start leaves to be done, the first sweep among it. */
const settleMs = 5_000;
/** Nothing is open, so nobody is asked. */
const nowhere = 'http://127.0.0.1:9';

export async function watchIdle({ windowMs, ...start }: Watch): Promise<IdleFigures> {
  const store = await startStore('redis');
  try {
    const service = { redisUrl: store.url, gatewayUrl: nowhere, accounts: ['lipia'], concurrency: 50 };
    const { child, readyMs } = await startReady({ ...service, ...start });
    try {
      const pid = child.pid ?? 0;
      await delay(settleMs);
      const before = { own: cpuMs([pid]), redis: cpuMs(store.pids), at: performance.now() };
      await delay(windowMs);
      const tookMs = performance.now() - before.at;
      return {
        readyMs,
        residentBytes: residentBytes(pid),
        corePercent: (100 * (cpuMs([pid]) - before.own)) / tookMs,
        redisCorePercent: (100 * (cpuMs(store.pids) - before.redis)) / tookMs,
      };
    } finally {
      await child.close();
    }
  } finally {
    await store.close();
  }
}
