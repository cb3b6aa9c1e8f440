/**
 * A worker that dies by SIGKILL at a named point, the nth time that it comes there. Environment: that of `start`, and
 * CRASH_POINT, CRASH_ON.
 */
import { once } from 'node:events';
import { readConfig } from '../src/config/config.ts';
import { createLog } from '../src/observability/log.ts';
import type { OrderStore } from '../src/orders/store.ts';
import type { Asker } from '../src/providers/ask.ts';
import { startService } from '../src/service.ts';
import { type CrashPoint, crashPoints } from './crash-points.ts';

const point = crashPoints.find((name) => name === process.env.CRASH_POINT);
/** The crash is to come where a verdict could be lost or published twice; when none comes for a while, any step will do. */
const wordsUntil = Date.now() + 4_000;
let left = Number(process.env.CRASH_ON ?? 1);

process.once('disconnect', () => process.exit(0));
process.channel?.unref();

const config = readConfig(process.env);
const service = await startService(config, createLog(config.logLevel), ['worker'], { store, asker });
await once(process, 'SIGTERM');
await service.close();

/** Dies here, when this is the place and the time. */
function reach(here: CrashPoint): void {
  if (here !== point) return;
  left -= 1;
  if (left <= 0) process.kill(process.pid, 'SIGKILL');
}

function asker(asked: Asker): Asker {
  return {
    ...asked,
    async ask(...question) {
      const reading = await asked.ask(...question);
      reach('after-answer');
      return reading;
    },
  };
}

function store(kept: OrderStore): OrderStore {
  return {
    ...kept,
    async settle(step) {
      const isWord = step.event !== null || Date.now() > wordsUntil;
      if (isWord) reach('before-commit');
      const settled = await kept.settle(step);
      if (isWord) reach('after-commit');
      // Somewhere between the commit and the end of the job, which is a round trip away.
      if (isWord) setTimeout(() => reach('before-job-ends'), Math.random() * 3);
      return settled;
    },
    async relist(orderId) {
      reach('during-sweep');
      await kept.relist(orderId);
    },
  };
}
