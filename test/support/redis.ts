import { afterAll, inject } from 'vitest';
import { connectRedis, type Redis } from '../../src/redis/connection.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The run's Redis, found by `global-setup.ts`. */
    redisUrl: string;
    /** What all prefixes of this run begin with. */
    runPrefix: string;
  }
}

const opened: Redis[] = [];
let prefixes = 0;

/** The URL of the run's Redis, for code that opens its own connections. */
export function testRedisUrl(): string {
  return inject('redisUrl');
}

/** A new connection to the run's Redis, closed after the tests of the file. */
export function testRedis(): Redis {
  // The hook below belongs to the first file of a process.
  if (process.env.SHARED_PROCESS) throw new Error('A test with a Redis is not pure: see vitest.config.ts.');
  const redis = connectRedis(testRedisUrl(), 'patient');
  opened.push(redis);
  return redis;
}

/** A key prefix that no other test of this or another run has. */
export function testPrefix(): string {
  prefixes += 1;
  return `${inject('runPrefix')}-${process.pid}-${prefixes}`;
}

afterAll(() => {
  for (const redis of opened) redis.disconnect();
});
