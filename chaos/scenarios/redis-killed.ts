import { type Result, readResults } from '../../src/results/replay.ts';
import { unfounded } from '../judge.ts';
import { orderKey, verdictKey } from '../order-key.ts';
import { whoeverIsPaid } from '../payments.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { mendLoss } from './loss.ts';
import { again, pause } from './repeat.ts';

/** How much of the append-only file a power loss takes under `everysec`. */
const lostMs = 1_000;

interface Heard {
  end(): Promise<readonly Result[]>;
}
const heard = new WeakMap<object, Heard>();

/** With `appendfsync always` nothing that was acknowledged is lost. */
export const redisKilledAlways: Scenario = {
  letter: 'b',
  name: 'redis-killed-always',
  title: 'Redis (appendfsync always) is killed with SIGKILL every 5 to 10 s and restarted on its file',
  boundMs: 40_000,
  leastFaultsMs: 24_000,
  leastKillsAMinute: 3,
  appendfsync: 'always',
  async injectFaults(stage) {
    await killAgainAndAgain(stage, async () => {
      await stage.world.redis.kill();
      return Number.POSITIVE_INFINITY;
    });
  },
};

/** With `everysec` a power loss takes the last second, and handing in again is safe. */
export const redisKilledEverysec: Scenario = {
  letter: 'b',
  name: 'redis-killed-everysec',
  title: 'Redis (appendfsync everysec) loses power every 5 to 10 s: the last second of its file is gone',
  boundMs: 40_000,
  leastFaultsMs: 24_000,
  leastKillsAMinute: 3,
  appendfsync: 'everysec',
  async injectFaults(stage) {
    heard.set(stage.world, listen(stage));
    await killAgainAndAgain(stage, () => stage.world.redis.killWithPowerLoss(lostMs));
  },
  async check({ world, note, fail }, cases) {
    const results = (await heard.get(world)?.end()) ?? [];
    const byOrder = Map.groupBy(results, ({ event }) => verdictKey(event));
    for (const one of cases) {
      const published = (byOrder.get(orderKey(one)) ?? []).map(({ event, streamId }) => ({
        event,
        streamId,
      }));
      // Who had a payment before the power loss need not be who has it afterwards.
      const wrong = unfounded(whoeverIsPaid(one), published);
      if (wrong !== null) fail(`a consumer received a wrong verdict: ${wrong}`);
    }
    const ids = new Set(results.map(({ event }) => event.id));
    note('verdicts taken back and published again', results.length - ids.size);
  },
};

/** A verdict that the power loss took back was received all the same: it must not have been wrong either. */
function listen({ world, stop }: Stage): Heard {
  const closing = new AbortController();
  const heardSoFar: Result[] = [];
  const signal = AbortSignal.any([closing.signal, stop]);
  const follow = async () => {
    const results = readResults({ redis: world.redis.url, prefix: world.keys.prefix, follow: true, signal });
    for await (const result of results) heardSoFar.push(result);
  };
  const done = follow();
  return {
    async end() {
      closing.abort();
      await done;
      return heardSoFar;
    },
  };
}

/** @param kill returns from when on what was acknowledged may be gone */
async function killAgainAndAgain(stage: Stage, kill: () => Promise<number>): Promise<void> {
  const { world, random, stop, killed, note } = stage;
  let lost = 0;
  await again(stage, [5_000, 10_000], async () => {
    const lostFrom = await kill();
    killed('Redis');
    await pause(random.between(100, 1_500), stop);
    await world.redis.restart();
    lost += await mendLoss(stage, lostFrom);
  });
  note('acknowledged, lost and submitted again', lost);
}
