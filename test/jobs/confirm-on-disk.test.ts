import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { confirmOnDisk } from '../../src/jobs/confirm-on-disk.ts';
import { createProducer } from '../../src/jobs/producer.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { startClusterRedis } from '../support/redis-cluster.ts';
import { registerEveryAccount } from '../support/registered.ts';
import { redisServer } from '../support/restartable-redis.ts';

const redis = testRedis();
const [major = 0, minor = 0] = (/^redis_version:(\d+)\.(\d+)/m.exec(await redis.info('server')) ?? [])
  .slice(1)
  .map(Number);
const knowsWaitAof = major > 7 || (major === 7 && minor >= 2);
const order = { orderId: 'o1', account: 'lipia', reference: 'R1', amount: '1.00' };

test.runIf(knowsWaitAof)(
  'an order is acknowledged once it is on disk, also when it was written before',
  async () => {
    const prefix = testPrefix();
    await registerEveryAccount(redis, prefix);
    const producer = createProducer({ redis: testRedisUrl(), prefix, waitAof: true });
    onTestFinished(() => producer.close());
    expect(await producer.enqueue(order)).toMatchObject({ outcome: 'new' });
    expect(await producer.enqueue(order)).toMatchObject({ outcome: 'same' });
  },
);

test.runIf(!knowsWaitAof)(
  'a Redis that does not know WAITAOF acknowledges nothing, and the error says why',
  async () => {
    const prefix = testPrefix();
    await registerEveryAccount(redis, prefix);
    const producer = createProducer({ redis: testRedisUrl(), prefix, waitAof: true });
    onTestFinished(() => producer.close());
    await expect(producer.enqueue(order)).rejects.toThrow(/needs Redis 7\.2 or newer/);
  },
);

test.skipIf(redisServer === undefined)(
  'in a Cluster, the owners of the record and of the job are asked, and nobody else',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'payment-poller-test-cluster-'));
    const cluster = await startClusterRedis(redisServer as string, dir);
    onTestFinished(async () => {
      await cluster.close();
      await rm(dir, { recursive: true, force: true });
    });
    const client = connectRedis(cluster.url, 'patient');
    onTestFinished(() => client.disconnect());
    // Connect to all masters before counting.
    await Promise.all(Array.from({ length: 60 }, (_, n) => client.get(`key-${n}`)));
    const masters = (client as unknown as Cluster).nodes('master');
    const asked = async () => {
      const counts = await Promise.all(
        masters.map(async (node) => {
          const statistics = await node.info('all');
          const calls = /cmdstat_waitaof:calls=(\d+)/.exec(statistics)?.[1];
          // Redis before 7.2 does not know the command and counts an error.
          return Number(calls ?? /errorstat_ERR:count=(\d+)/.exec(statistics)?.[1] ?? 0);
        }),
      );
      return new Map(
        masters.map(({ options }, nth) => [`${options.host}:${options.port}`, counts[nth] ?? 0]),
      );
    };
    for (const prefix of ['payments', 'payments-2', 'payments-3', 'payments-4']) {
      const marks = [`{${prefix}}:on-disk`, `{${prefix}:lipia}:on-disk`];
      const before = await asked();
      await confirmOnDisk(client, marks, 30_000).catch(() => {});
      const after = await asked();
      const { slots } = client as unknown as Cluster;
      const slotOf = (key: string) => client.cluster('KEYSLOT', key);
      const owners = await Promise.all(marks.map(async (key) => slots[await slotOf(key)]?.[0]));
      for (const [node, count] of after) {
        const times = owners.filter((owner) => owner === node).length;
        expect([node, count - (before.get(node) ?? 0)]).toEqual([node, times]);
      }
    }
  },
);
