import { setTimeout as delay } from 'node:timers/promises';
import type { Child } from '../child.ts';
import type { ProxyMode } from '../proxy.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { pause } from './misery.ts';
import { pollsOf } from './progress.ts';

const awayMs = 20_000;
const recoverMs = 30_000;
/** Long enough for every process to be at work before. */
const beforeMs = 3_000;
/** The service has something to do afterwards, so that recovery can be seen. */
const afterMs = 12_000;

/** Nobody listens where Redis was. */
export const redisUnreachable: Scenario = {
  ...awayScenario('refuse'),
  name: 'redis-unreachable',
  title: 'Redis refuses every connection for 20 s',
};

/** The worst way to lose a Redis: nobody is told. */
export const redisHalfOpen: Scenario = {
  ...awayScenario('half-open'),
  name: 'redis-half-open',
  title: 'connections to Redis stay open for 20 s and nothing comes through',
};

function awayScenario(mode: ProxyMode) {
  return {
    letter: 'c',
    boundMs: 45_000,
    leastMiseryMs: beforeMs + awayMs + afterMs,
    async misery(stage: Stage) {
      const { world, stop, say, note, fault, miseryMs } = stage;
      const startedAt = Date.now();
      await pause(beforeMs, stop);
      await world.redis.proxy.turn(mode);
      say(`Redis is away (${mode})`);
      const processes = [world.api, ...world.workers];
      const notReady = await sawUnready(processes, awayMs, stop);
      await world.redis.proxy.turn('pass');
      say('Redis is back');
      const recovered = await Promise.all(processes.map((child) => msToProgress(child, stage)));
      note('back at work (s)', recovered.map((ms) => (ms / 1_000).toFixed(1)).join(' '));
      note('told as not ready', `${notReady} of ${processes.length}`);
      if (notReady < processes.length) fault('a process said that it was ready while Redis was away');
      for (const [index, ms] of recovered.entries()) {
        if (ms > recoverMs) fault(`${processes[index]?.name} did not go on within ${recoverMs / 1_000} s`);
      }
      await pause(Math.max(0, startedAt + miseryMs - Date.now()), stop);
    },
  };
}

/** How many processes answered at the end of the outage that they are not ready. */
async function sawUnready(processes: readonly Child[], forMs: number, stop: AbortSignal): Promise<number> {
  await pause(forMs - 4_000, stop);
  const lookedAt = Date.now();
  const statuses = await Promise.all(
    processes.map(({ port }) => statusOf(`http://127.0.0.1:${port}/health/ready`)),
  );
  await pause(Math.max(0, 4_000 - (Date.now() - lookedAt)), stop);
  return statuses.filter((status) => status === 503).length;
}

/** From now until a process has done a poll, or taken an order. What BullMQ says of itself is no proof. */
async function msToProgress(child: Child, { world, checkout, stop }: Stage): Promise<number> {
  const isApi = child === world.api;
  const progress = () => (isApi ? Promise.resolve(checkout.acknowledged) : pollsOf(child));
  const startedAt = Date.now();
  const before = await progress();
  while (!stop.aborted && Date.now() - startedAt <= recoverMs) {
    if ((await progress()) > before) break;
    await delay(100);
  }
  return Date.now() - startedAt;
}

async function statusOf(url: string): Promise<number> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    // No answer is no status.
    return 0;
  }
}
