import { connectRedis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { subscriberAttacks } from '../../test/support/subscriber-acl.ts';
import { type Attack, atRate } from './attack.ts';
import { codeOf } from './send.ts';

/** A subscriber's own user of Redis, stolen: it tries to publish, to destroy the stream, and to stop everybody. */
export const subscriberUser: Attack = {
  name: "a subscriber's Redis user",
  resisted: /^refused$/,
  async run({ subscriberUrl, prefix }, heard, stop) {
    if (subscriberUrl === null) return;
    const redis = connectRedis(subscriberUrl, 'patient');
    redis.on('error', () => {});
    const attacks = subscriberAttacks(prefix);
    const { results } = createKeys(prefix);
    let nth = 0;
    await atRate(10, 4, stop, async () => {
      nth += 1;
      const [name = '', ...args] = attacks[nth % attacks.length] ?? [];
      const isScript = nth % 3 === 0;
      try {
        if (isScript) await redis.eval('return redis.call(unpack(ARGV))', 1, results, name, ...args);
        else await redis.call(name, ...args);
        heard(`${name} done`);
      } catch (error) {
        heard(isRefusal(error) ? 'refused' : codeOf(error));
      }
    });
    redis.disconnect();
  },
};

function isRefusal(error: unknown): boolean {
  return error instanceof Error && /NOPERM|can't (?:access|run)|not allowed from script/.test(error.message);
}
