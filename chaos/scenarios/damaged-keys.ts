import { createOrderStore } from '../../src/orders/store.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { damage, forbid } from '../damage.ts';
import { readEntry } from '../judge.ts';
import { orderKey, verdictKey } from '../order-key.ts';
import { startSingleRedis } from '../redis-single.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { again, pause } from './repeat.ts';

const user = 'service';
const password = 'chaos-redis-password';
/** What the scripts of the service write with. */
const commands = ['xadd', 'hset', 'hdel', 'zadd', 'zrem', 'hincrby', 'pexpire', 'persist', 'lrem'] as const;
const hourMs = 3_600_000;
const shown = 3;

/** Operators who touch keys by hand, and permissions that somebody forgot. */
export const damagedKeys: Scenario = {
  letter: 'm',
  name: 'damaged-keys',
  title: 'shared keys and records turn into texts, and single commands are forbidden, while orders settle',
  boundMs: 40_000,
  leastKillsAMinute: 20,
  async redis(executable, dir) {
    const server = await startSingleRedis(executable, dir);
    const redis = connectRedis(server.url, 'patient');
    await redis.call('ACL', 'SETUSER', user, 'on', `>${password}`, '~*', '&*', '+@all');
    redis.disconnect();
    const { port } = server.proxy;
    return { ...server, serviceUrl: `redis://${user}:${password}@127.0.0.1:${port}` };
  },
  // What is broken by hand may be a fault of the server for as long as it is.
  sendsAgainOn: (status) => status >= 500,
  async injectFaults(stage) {
    const { world, random, stop, killed } = stage;
    const { reader } = world;
    await again(stage, [300, 900], async () => {
      const mend = random.chance(0.4)
        ? await forbid(reader, user, random.pick(commands))
        : await damage(reader, random.pick(await breakable(stage)));
      killed('damages');
      await pause(random.between(200, 1_200), stop);
      await mend();
    });
  },
  async check(stage, cases) {
    const { world, fail } = stage;
    const published = (await world.results()).map(readEntry);
    const byOrder = Map.groupBy(published, ({ event }) => event && verdictKey(event));
    const store = createOrderStore({ redis: world.reader, keys: world.keys, retentionMs: hourMs });
    const wrong: string[] = [];
    for (const one of cases.filter(({ isOurs }) => isOurs)) {
      const said = (await store.read(one.orderId))?.progress.stateversion ?? 0;
      const count = byOrder.get(orderKey(one))?.length ?? 0;
      if (said !== count) wrong.push(`${one.orderId}: ${said} recorded, ${count} on the stream`);
    }
    if (wrong.length > 0)
      fail(`${wrong.length} records are at odds with the stream (${wrong.slice(0, shown).join('; ')})`);
  },
};

/** Keys that all orders share, and the records of some that are open. */
async function breakable({ world, random }: Stage): Promise<string[]> {
  const { keys, reader } = world;
  const hour = new Date().toISOString().slice(0, 13);
  const open = await reader.zrange(keys.open, '0', '-1');
  const records = open.length === 0 ? [] : [keys.order(random.pick(open)), keys.order(random.pick(open))];
  return [keys.open, keys.asking, keys.unresolved, keys.statistics(hour), keys.results, ...records];
}
