import type { Scenario } from '../scenario.ts';
import { again, pause } from './repeat.ts';

const awayMs = 1_500;
const pausesMs = [6_000, 8_000] as const;

/** The worst restore: none. The service goes on, and its checkouts hand everything in again. */
export const redisEmptied: Scenario = {
  letter: 'o',
  name: 'redis-emptied',
  title: 'Redis comes back empty under the running service, and everything is submitted again',
  boundMs: 40_000,
  leastFaultsMs: 20_000,
  leastKillsAMinute: 3,
  async injectFaults(stage) {
    const { world, checkout, stop, killed } = stage;
    await again(stage, pausesMs, async () => {
      await world.redis.killAndEmpty();
      killed('Redis');
      await pause(awayMs, stop);
      await world.redis.restart();
      // Also what was refused, as whoever had the payment is forgotten too.
      await checkout.again([...checkout.handed.values()].filter((one) => isAnswered(one)));
    });
  },
};

function isAnswered(one: { readonly acknowledgedAt: number | null; readonly refusedFor: string | null }) {
  return one.acknowledgedAt !== null || one.refusedFor !== null;
}
