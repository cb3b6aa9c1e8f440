import { RedisContainer } from '@testcontainers/redis';
import { getContainerRuntimeClient } from 'testcontainers';
import type { TestProject } from 'vitest/node';
import { defaultRedisImage, type FoundRedis } from '../../src/embedded/found-redis.ts';
import { findRedis } from '../../src/embedded/redis.ts';
import { connectRedis } from '../../src/redis/connection.ts';

/**
 * One Redis for the whole run: a container where a Docker engine answers and has, or can get, the image
 * TEST_REDIS_IMAGE; else REDIS_URL; else a redis-server on the PATH; else, on Debian as root, the package.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redis = (await startContainer()) ?? (await findOther());
  const runPrefix = `t-${Date.now().toString(36)}`;
  console.log(`Redis for this run: ${redis.description}`);
  project.provide('redisUrl', redis.url);
  project.provide('runPrefix', runPrefix);
  return async () => {
    if (redis.kind === 'given') await removeKeys(redis.url, runPrefix);
    await redis.close();
  };
}

function findOther(): Promise<FoundRedis> {
  const { REDIS_URL: url, PATH: path = '' } = process.env;
  const allow = { docker: false, systemPackage: true };
  return findRedis({ ...(url ? { url } : {}), path, allow, announce: console.log });
}

async function startContainer(): Promise<FoundRedis | undefined> {
  const image = process.env.TEST_REDIS_IMAGE || defaultRedisImage;
  try {
    await getContainerRuntimeClient();
  } catch {
    // No Docker engine answers; try the next option.
    return undefined;
  }
  try {
    const container = await new RedisContainer(image)
      .withCommand(['redis-server', '--appendonly', 'yes', '--maxmemory-policy', 'noeviction', '--hz', '100'])
      .start();
    return {
      url: container.getConnectionUrl(),
      kind: 'docker',
      durable: true,
      description: `${image}, started by testcontainers`,
      async close() {
        await container.stop();
      },
    };
  } catch (err) {
    console.log(
      `No container of ${image} for the tests: ${err instanceof Error ? err.message : String(err)}`,
    );
    return undefined;
  }
}

/** Removes our keys from a Redis that was not started by us. */
async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = connectRedis(url, 'patient');
  for await (const keys of redis.scanStream({ match: `*${prefix}-*`, count: 1_000 })) {
    if (keys.length > 0) await redis.unlink(keys);
  }
  redis.disconnect();
}
