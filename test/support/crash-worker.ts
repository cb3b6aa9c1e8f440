/**
 * A poll worker in a process of its own that kills itself at a named point. Run by `crash-child.ts`, never imported:
 * `node crash-worker.ts '<Crash as JSON>'`.
 */
import { connectRedis } from '../../src/redis/connection.ts';
import { createPollWorker, type PollWorkerParts } from '../../src/workers/poll-worker.ts';
import { buildParts, keepingObserver } from './service-parts-of-account.ts';

/** Where the process dies. `never`: it is killed from outside. */
export const crashPoints = [
  'never',
  'after the answer',
  'before settling',
  'after settling',
  'after beginning to delay',
] as const;
export type CrashPoint = (typeof crashPoints)[number];

export interface Crash {
  readonly redisUrl: string;
  readonly prefix: string;
  readonly gatewayUrl: string;
  readonly at: CrashPoint;
  /** On which passage of the point to die, from 1. */
  readonly nth: number;
}

const crash = JSON.parse(process.argv[2] ?? '{}') as Crash;
let passed = 0;

function die(point: CrashPoint): void {
  if (point !== crash.at) return;
  passed += 1;
  // Synchronous and final: nothing below this line runs in this process.
  if (passed === crash.nth) process.kill(process.pid, 'SIGKILL');
}

function mined(parts: PollWorkerParts): PollWorkerParts {
  const { asker, store } = parts;
  return {
    ...parts,
    asker: {
      ...asker,
      async ask(order, answerTo) {
        const reading = await asker.ask(order, answerTo);
        die('after the answer');
        return reading;
      },
    },
    store: {
      ...store,
      async settle(step) {
        die('before settling');
        const settled = await store.settle(step);
        die('after settling');
        // The command that delays or ends the job is written in the next turns of the event loop.
        if (crash.at === 'after beginning to delay') setTimeout(() => die('after beginning to delay'), 1);
        return settled;
      },
    },
  };
}

const redis = connectRedis(crash.redisUrl, 'patient');
const { parts } = buildParts(redis, crash.prefix, crash.gatewayUrl, keepingObserver().observer);
await createPollWorker(mined(parts)).run();
