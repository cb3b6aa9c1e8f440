import { z } from 'zod';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';
import type { AlertState, AlertStates } from './advance.ts';

const leaseScript = loadScript('lease', import.meta.url);
const saveScript = loadScript('save', import.meta.url);
const releaseScript = loadScript('release', import.meta.url);

/** The states of the alerts in Redis, which one process at a time may change. */
export interface AlertStore {
  /** Takes or renews the lease. False while another process has it. */
  lease(): Promise<boolean>;
  read(): Promise<AlertStates>;
  /** Stores states, `null` removes one. False if another process has the lease by now; then nothing is written. */
  save(changes: ReadonlyMap<string, AlertState | null>): Promise<boolean>;
  release(): Promise<void>;
}

const stateSchema = z.object({
  phase: z.enum(['pending', 'begun', 'known', 'ended']),
  since: z.number(),
  lastAt: z.number(),
  text: z.string(),
  summary: z.string(),
});

/** @param leaseMs how long a process may take between two calls before another one takes over */
export function createAlertStore(redis: Redis, keys: Keys, processId: string, leaseMs: number): AlertStore {
  return {
    async lease() {
      return (await leaseScript.run(redis, [keys.alertsLease], [processId, leaseMs])) === 1;
    },
    async read() {
      const all = Object.entries(await redis.hgetall(keys.alerts));
      return new Map(
        all.flatMap(([key, text]) => {
          const state = parseState(text);
          return state === null ? [] : [[key, state] as const];
        }),
      );
    },
    async save(changes) {
      const args = [...changes].flatMap(([key, state]) => [key, state === null ? '' : JSON.stringify(state)]);
      const reply = await saveScript.run(
        redis,
        [keys.alertsLease, keys.alerts],
        [processId, leaseMs, ...args],
      );
      return reply === 1;
    },
    async release() {
      await releaseScript.run(redis, [keys.alertsLease], [processId]);
    },
  };
}

/** `null` for something that another program wrote: the alert then begins anew. */
function parseState(text: string): AlertState | null {
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
