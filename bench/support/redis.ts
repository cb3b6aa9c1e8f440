import { findExecutable } from '../../src/embedded/executables.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import type { Store } from './store.ts';

/** How it runs, for the report. */
export const redisSettings =
  'append-only file, appendfsync everysec, no rewrite of it while measuring, noeviction, hz 100, hash-max-listpack-value 1024';

/** Starts an empty Redis. @throws when there is no redis-server or valkey-server on the PATH */
export async function startBenchRedis(): Promise<Store> {
  const { url, pid, close } = await startRedisServer(await redisExecutable());
  const redis = connectRedis(url, 'patient');
  // A rewrite takes a core for seconds; whether it falls into a window or not would be luck.
  await redis.config('SET', 'auto-aof-rewrite-percentage', '0');
  redis.disconnect();
  return { url, pids: pid === undefined ? [] : [pid], close };
}

export async function redisExecutable(): Promise<string> {
  const executable = await findExecutable(['redis-server', 'valkey-server'], process.env.PATH ?? '');
  if (executable !== undefined) return executable;
  throw new Error('The benchmarks need a redis-server (or valkey-server) on the PATH.');
}
