import type { Cluster, RedisOptions } from 'ioredis';
import { connectRedis, forgetArguments, type Redis } from '../redis/connection.ts';

/** Options that reading the stream requires, whatever those of the copied connection. */
const patient = {
  enableOfflineQueue: true,
  maxRetriesPerRequest: null,
  lazyConnect: false,
  // Detects half-open connections. Must exceed the longest blocking read.
  socketTimeout: 15_000,
  // Key names are part of the public contract.
  keyPrefix: '',
  // Would fail blocking reads.
  commandTimeout: undefined,
} as RedisOptions;

/** Opens a separate connection that waits for Redis without limit. The caller closes it. */
export function patientCopy(redis: string | Redis): Redis {
  if (typeof redis === 'string') return connectRedis(redis, 'patient');
  const copy = redis.isCluster ? copyOfCluster(redis as unknown as Cluster) : redis.duplicate(patient);
  // Without a listener ioredis prints errors. Callers see failures through their commands.
  copy.on('error', forgetArguments);
  return copy;
}

/**
 * Sends a PING on one connection when the other is lost. A half-open connection is detected only by a command that times out;
 * without the PING, the second connection would be found broken only after the first had recovered, one timeout later.
 */
export function watchEachOther(one: Redis, other: Redis): void {
  for (const [lost, left] of [
    [one, other],
    [other, one],
  ] as const) {
    lost.on('close', () => {
      // The reply does not matter: without one, the socket timeout makes ioredis reconnect.
      if (left.status === 'ready') void left.ping().catch(() => {});
    });
  }
}

function copyOfCluster(cluster: Cluster): Redis {
  const { enableOfflineQueue, lazyConnect, keyPrefix, ...ofNodes } = patient;
  const options = { enableOfflineQueue, lazyConnect, keyPrefix, redisOptions: ofNodes };
  return cluster.duplicate([], options as Parameters<Cluster['duplicate']>[1]) as unknown as Redis;
}
