import type { Cluster, RedisOptions } from 'ioredis';
import { connectRedis, forgetArguments, type Redis } from '../redis/connection.ts';

/** What a follower of the stream needs, whatever the connection that it is copied from was made for. */
const patient = {
  enableOfflineQueue: true,
  maxRetriesPerRequest: null,
  lazyConnect: false,
  // Must exceed the longest blocking read; a half-open connection is silent for ever without it.
  socketTimeout: 15_000,
  // The names of the keys are part of the contract.
  keyPrefix: '',
  // It would break reads that wait.
  commandTimeout: undefined,
} as RedisOptions;

/** A connection of its own that waits for Redis, for ever. The caller closes it. */
export function patientCopy(redis: string | Redis): Redis {
  if (typeof redis === 'string') return connectRedis(redis, 'patient');
  const copy = redis.isCluster ? copyOfCluster(redis as unknown as Cluster) : redis.duplicate(patient);
  // A listener keeps ioredis from printing; failures reach the caller through commands.
  copy.on('error', forgetArguments);
  return copy;
}

/**
 * When one of two connections is lost, asks the other for a sign of life. A half-open connection shows only by a question
 * that gets no answer: of two that are used in turn, the second would be found out when the first is back already, and the
 * time-out waited for twice.
 */
export function watchEachOther(one: Redis, other: Redis): void {
  for (const [lost, left] of [
    [one, other],
    [other, one],
  ] as const) {
    lost.on('close', () => {
      // Its answer is of no interest: without one, the connection is given up and made anew.
      if (left.status === 'ready') void left.ping().catch(() => {});
    });
  }
}

function copyOfCluster(cluster: Cluster): Redis {
  const { enableOfflineQueue, lazyConnect, keyPrefix, ...ofNodes } = patient;
  const options = { enableOfflineQueue, lazyConnect, keyPrefix, redisOptions: ofNodes };
  return cluster.duplicate([], options as Parameters<Cluster['duplicate']>[1]) as unknown as Redis;
}
