import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePorts } from './ports.ts';
import { createNode, type RedisNode, serverArgs } from './redis-node.ts';
import type { ChaosRedis } from './redis-topology.ts';
import { until } from './waiting.ts';

/** A master, a replica, and three sentinels. */
export interface SentinelRedis extends ChaosRedis {
  /** Kills the master, waits for its replica to be promoted, and starts the old one again. Returns ms to promotion. */
  failOver(restartAfterMs: number): Promise<number>;
}

const master = 'mymaster';
const downAfterMs = 1_500;
const promotedMs = 60_000;

export async function startSentinelRedis(executable: string, dir: string): Promise<SentinelRedis> {
  const [firstPort = 0, secondPort = 0, ...sentinelPorts] = await freePorts(5);
  const node = (port: number, ...more: string[]) => {
    const folder = join(dir, `redis-${port}`);
    return createNode(executable, port, folder, [...serverArgs(port, folder), ...more]);
  };
  const nodes = [node(firstPort), node(secondPort, '--replicaof', '127.0.0.1', String(firstPort))];
  const sentinels = await Promise.all(
    sentinelPorts.map((port) => sentinel(executable, dir, port, firstPort)),
  );
  const all: RedisNode[] = [...nodes, ...sentinels];
  for (const each of all) await each.start();
  const url = `redis+sentinel://${sentinelPorts.map((port) => `127.0.0.1:${port}`).join(',')}/${master}`;
  const asked = new Redis({ host: '127.0.0.1', port: sentinelPorts[0] ?? 0, lazyConnect: false });
  asked.on('error', () => {});
  const close = async () => {
    asked.disconnect();
    await Promise.all(all.map((each) => each.close()));
  };
  const masterPort = async () => {
    const [, port] = (await asked.call('SENTINEL', 'get-master-addr-by-name', master)) as [string, string];
    return Number(port);
  };
  try {
    await until('the sentinels to know the replica', async () => (await replicas(asked)) === 1, promotedMs);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    kind: 'sentinel',
    url,
    serviceUrl: url,
    async failOver(restartAfterMs) {
      await until('the replica to be in step', async () => (await replicas(asked)) === 1, promotedMs);
      const port = await masterPort();
      const old = nodes.find((each) => each.port === port);
      if (old === undefined) throw new Error('The sentinels name a master that is none of ours.');
      const startedAt = Date.now();
      await old.kill();
      await until('another master', async () => (await masterPort()) !== port, promotedMs);
      const tookMs = Date.now() - startedAt;
      await delay(restartAfterMs);
      await old.start();
      return tookMs;
    },
    close,
  };
}

async function sentinel(
  executable: string,
  dir: string,
  port: number,
  masterPort: number,
): Promise<RedisNode> {
  const folder = join(dir, `sentinel-${port}`);
  const file = join(folder, 'sentinel.conf');
  await mkdir(folder, { recursive: true });
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${master} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${master} ${downAfterMs}`,
    `sentinel failover-timeout ${master} 6000`,
    `sentinel parallel-syncs ${master} 1`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return createNode(executable, port, folder, [file, '--sentinel']);
}

/** Replicas that the sentinel sees as linked to the master and in step with it. */
async function replicas(asked: Redis): Promise<number> {
  const listed = (await asked.call('SENTINEL', 'replicas', master)) as string[][];
  const isLinked = (fields: string[]) =>
    fields[fields.indexOf('master-link-status') + 1] === 'ok' &&
    fields[fields.indexOf('flags') + 1] === 'slave';
  return listed.filter(isLinked).length;
}
