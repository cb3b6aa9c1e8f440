import { redisAddress } from '../redis/url.ts';
import { startDockerRedis } from './docker.ts';
import { findExecutable } from './executables.ts';
import type { FindRedisOptions, FoundRedis } from './found-redis.ts';
import { startInProcessRedis } from './in-process.ts';
import { startRedisServer } from './redis-server.ts';
import { installRedisPackage } from './system-package.ts';

/**
 * Finds or starts a Redis: the given URL, else a server on the PATH, else Docker, else (if
 * allowed) a server in this process, else (if allowed) Debian's package. What it starts ends with this process,
 * even if the process is killed; see `watchdog.ts`.
 *
 * @throws when none can be found or started, with a sentence that says what to install; `cause` holds what failed
 */
export async function findRedis(options: FindRedisOptions): Promise<FoundRedis> {
  if (options.url !== undefined) return givenRedis(options.url);
  const { server = true, docker = true, inProcess = false, systemPackage = false } = options.allow ?? {};
  const ways = [
    ...(server ? [serverOnPath] : []),
    ...(docker ? [startDockerRedis] : []),
    ...(inProcess ? [startInProcessRedis] : []),
    ...(systemPackage ? [serverFromPackage] : []),
  ];
  const failures: unknown[] = [];
  for (const way of ways) {
    try {
      const found = await way(options);
      if (found) return found;
    } catch (err) {
      failures.push(err);
      options.announce?.(err instanceof Error ? err.message : String(err));
    }
  }
  throw new Error(noRedisHelp, failures.length > 0 ? { cause: new AggregateError(failures) } : {});
}

const noRedisHelp =
  'No Redis was found: install redis-server (Debian: apt-get install redis-server; macOS: brew install redis), ' +
  'start Docker, or set REDIS_URL to a Redis that is running.';

function givenRedis(url: string): FoundRedis {
  const description = `the Redis at ${redisAddress(url)}`;
  return { url, kind: 'given', durable: true, description, close: () => Promise.resolve() };
}

async function serverOnPath(options: FindRedisOptions): Promise<FoundRedis | undefined> {
  const executable = await findExecutable(['redis-server', 'valkey-server'], options.path);
  return executable === undefined ? undefined : startRedisServer(executable, options);
}

async function serverFromPackage(options: FindRedisOptions): Promise<FoundRedis | undefined> {
  const isInstalled = await installRedisPackage(options);
  return isInstalled ? serverOnPath({ ...options, path: `${options.path}:/usr/bin` }) : undefined;
}
