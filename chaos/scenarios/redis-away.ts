import { setTimeout as delay } from 'node:timers/promises';
import type { ProxyMode } from '../../test/support/proxy.ts';
import { checkConsumers, handledBy, startConsumer } from '../consumers.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { pollsOf } from './progress.ts';
import { pause } from './repeat.ts';

const awayMs = 20_000;
const recoverMs = 30_000;
/** Long enough for every process to be at work before. */
const beforeMs = 3_000;
/** The service has something to do afterwards, so that recovery can be seen. */
const afterMs = 12_000;
/** How long before Redis comes back each process is asked whether it is ready, and how far it is. */
const lookMs = 14_000;
const consumer = 'consumer';

/** Nobody listens where Redis was. */
export const redisUnreachable: Scenario = {
  ...awayScenario('refuse'),
  name: 'redis-unreachable',
  title: 'Redis refuses every connection for 20 s',
};

/** The worst way to lose a Redis: no connection breaks. */
export const redisHalfOpen: Scenario = {
  ...awayScenario('half-open'),
  name: 'redis-half-open',
  title: 'connections to Redis stay open for 20 s and nothing comes through',
};

function awayScenario(mode: ProxyMode) {
  return {
    letter: 'c',
    boundMs: 45_000,
    leastFaultsMs: beforeMs + awayMs + afterMs,
    async injectFaults(stage: Stage) {
      const { world, stop, say, note, fail, faultsMs, allow } = stage;
      const startedAt = Date.now();
      startConsumer(world, consumer);
      await pause(beforeMs, stop);
      await world.redis.proxy.turn(mode);
      say(`Redis is away (${mode})`);
      await pause(awayMs - lookMs, stop);
      const lookedAt = Date.now();
      const [ready, parties] = await Promise.all([saidReady(stage), partiesOf(stage)]);
      await pause(lookedAt + lookMs - Date.now(), stop);
      await world.redis.proxy.turn('pass');
      say('Redis is back');
      const recovered = await Promise.all(parties.map((party) => msToProgress(party, stage)));
      note(
        'back at work (s)',
        parties
          .map(({ name }, index) => `${name} ${((recovered[index] ?? 0) / 1_000).toFixed(1)}`)
          .join(', '),
      );
      if (ready.length > 0) fail(`${ready} did not say that it was not ready while Redis was away`);
      for (const [index, ms] of recovered.entries()) {
        const mostMs = allow(recoverMs);
        if (ms > mostMs) fail(`${parties[index]?.name} did not go on within ${mostMs / 1_000} s`);
      }
      await pause(startedAt + faultsMs - Date.now(), stop);
    },
    check: (stage: Stage) => checkConsumers(stage, [consumer]),
  };
}

/** The processes that did not answer in the middle of the outage that they are not ready, and what they said. */
async function saidReady({ world }: Stage): Promise<string[]> {
  const answers = [world.api, ...world.workers].map(async ({ name, port }) => {
    const status = await statusOf(`http://127.0.0.1:${port}/health/ready`);
    return status === 503 ? [] : [`${name} (${status ?? 'no answer'})`];
  });
  return (await Promise.all(answers)).flat();
}

/** Somebody who is to go on, and how far it was while Redis was away. What BullMQ says of itself is no proof. */
interface Party {
  readonly name: string;
  readonly before: number;
  progress(): Promise<number | null> | number;
}

async function partiesOf({ world, checkout, stop }: Stage): Promise<Party[]> {
  const parties: Omit<Party, 'before'>[] = [
    { name: 'api', progress: () => checkout.acknowledged },
    ...world.workers.map((worker) => ({ name: worker.name, progress: () => pollsOf(worker) })),
    { name: consumer, progress: () => handledBy(world, consumer) },
  ];
  return Promise.all(parties.map(async (party) => ({ ...party, before: await progressOf(party, stop) })));
}

/**
 * How far somebody is, who may be too busy to say so at once. While Redis is away nobody gets any further, so it is asked until
 * it says so: compared with nothing, its first figure after the outage would pass for progress.
 */
async function progressOf({ progress }: Pick<Party, 'progress'>, stop: AbortSignal): Promise<number> {
  for (const startedAt = Date.now(); Date.now() - startedAt < lookMs + recoverMs && !stop.aborted; ) {
    const found = await progress();
    if (found !== null) return found;
    await pause(200, stop);
  }
  return Number.NaN;
}

/** From now until somebody has done a poll, taken an order, or handled a result. */
async function msToProgress({ before, progress }: Party, { stop, allow }: Stage): Promise<number> {
  const startedAt = Date.now();
  while (!stop.aborted && Date.now() - startedAt <= allow(recoverMs)) {
    if (((await progress()) ?? 0) > before) break;
    await delay(100);
  }
  return Date.now() - startedAt;
}

/** `null` when there is no answer within several seconds. */
async function statusOf(url: string): Promise<number | null> {
  const signal = AbortSignal.timeout(lookMs - 1_000);
  while (!signal.aborted) {
    try {
      const answer = await fetch(url, { signal });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      // A busy machine may need more than one try to take a connection.
      await delay(100);
    }
  }
  return null;
}
