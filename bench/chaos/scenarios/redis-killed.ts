import type { Scenario, Stage } from '../scenario.ts';
import { mendLoss } from './loss.ts';
import { again, pause } from './misery.ts';

/** How much of the append-only file a power loss takes under `everysec`. */
const lostMs = 1_000;

/** With `appendfsync always` nothing that was acknowledged is lost. */
export const redisKilledAlways: Scenario = {
  letter: 'b',
  name: 'redis-killed-always',
  title: 'Redis (appendfsync always) is killed with SIGKILL every 5 to 10 s and restarted on its file',
  boundMs: 60_000,
  leastMiseryMs: 24_000,
  appendfsync: 'always',
  async misery(stage) {
    await killAgainAndAgain(stage, async () => {
      const killedAt = Date.now();
      await stage.world.redis.kill();
      return { killedAt, lostFrom: Number.POSITIVE_INFINITY };
    });
  },
};

/** With `everysec` a power loss takes the last second, and handing in again is safe. */
export const redisKilledEverysec: Scenario = {
  letter: 'b',
  name: 'redis-killed-everysec',
  title: 'Redis (appendfsync everysec) loses power every 5 to 10 s: the last second of its file is gone',
  boundMs: 60_000,
  leastMiseryMs: 24_000,
  appendfsync: 'everysec',
  async misery(stage) {
    await killAgainAndAgain(stage, async () => {
      const killedAt = Date.now();
      return { killedAt, lostFrom: await stage.world.redis.killWithPowerLoss(lostMs) };
    });
  },
};

async function killAgainAndAgain(
  stage: Stage,
  kill: () => Promise<{ readonly killedAt: number; readonly lostFrom: number }>,
): Promise<void> {
  const { world, random, miseryMs, stop, killed, note } = stage;
  let lost = 0;
  await again(miseryMs, [5_000, 10_000], random, stop, async () => {
    const { killedAt, lostFrom } = await kill();
    killed('Redis');
    await pause(random.between(100, 1_500), stop);
    await world.redis.restart();
    lost += await mendLoss(stage, lostFrom, killedAt);
  });
  note('acknowledged, lost and handed in again', lost);
}
