import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startClusterRedis } from '../../test/support/redis-cluster.ts';
import { redisExecutable } from './redis.ts';
import type { Store } from './store.ts';

/** Starts an empty Redis Cluster: three masters with a replica each. @throws when it cannot be had */
export async function startBenchCluster(): Promise<Store> {
  const dir = await mkdtemp(join(tmpdir(), 'payment-poller-bench-cluster-'));
  const removeFiles = () => rm(dir, { recursive: true, force: true });
  try {
    const cluster = await startClusterRedis(await redisExecutable(), dir);
    const close = async () => {
      await cluster.close();
      await removeFiles();
    };
    return { url: cluster.url, pids: await Promise.all(portsOf(cluster.url).map(processOf)), close };
  } catch (error) {
    await removeFiles();
    throw error;
  }
}

function portsOf(url: string): number[] {
  return [...url.matchAll(/:(\d+)/g)].map(([, port]) => Number(port));
}

async function processOf(port: number): Promise<number> {
  const redis = new Redis(port, '127.0.0.1');
  const id = /^process_id:(\d+)/m.exec(await redis.info('server'))?.[1];
  redis.disconnect();
  return Number(id);
}
