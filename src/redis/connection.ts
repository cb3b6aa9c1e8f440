import { readFileSync } from 'node:fs';
import { Cluster, Command, Redis as IORedis, type RedisOptions } from 'ioredis';
import { RedisUnavailableError } from './redis-fault.ts';
import { withTimeout } from './timeout.ts';
import { parseRedisUrl, type RedisTarget, type RedisTlsFiles, redisAddress } from './url.ts';

/** A connection to a single server, Sentinel or Cluster. All keys of a command share a slot, so Cluster needs no special commands. */
export type Redis = IORedis;

/**
 * What commands do while Redis is unavailable.
 * - `patient`: they wait until Redis is back, however long. For workers, whose jobs are safe in Redis meanwhile.
 * - `prompt`: they fail at once. For code with a caller waiting: an enqueue that was reported as failed must not be sent
 *   later (docs/engine.md section 3).
 */
export type Patience = 'patient' | 'prompt';

/**
 * Opens a connection.
 *
 * @param url `redis://` or `rediss://[user:password@]host[:port][/db]`, `redis+sentinel://[…@]host:port,…/master[/db]`,
 *   or `redis+cluster://[…@]host:port,…` (`rediss+…` for TLS); for its parameters see `parseRedisUrl`
 * @throws when the URL has another form, or a file that it names cannot be read
 */
export function connectRedis(url: string, patience: Patience): Redis {
  const target = parseRedisUrl(url);
  const options = connectionOptions(target, patience);
  const redis = create(target, options);
  // Without a listener ioredis prints errors. Callers see failures through their commands and readiness.
  redis.on('error', forgetArguments);
  return redis;
}

/**
 * Removes the failed command from an ioredis error. Its arguments may hold a password or an order's metadata, which would be
 * logged with the error.
 */
export function forgetArguments(error: unknown): void {
  if (!(error instanceof Error)) return;
  if ('command' in error) delete error.command;
  forgetArguments(error.cause);
  // Cluster errors carry the error of the last node tried.
  if ('lastNodeError' in error) forgetArguments(error.lastNodeError);
}

function create(target: RedisTarget, options: ReturnType<typeof connectionOptions>): Redis {
  switch (target.kind) {
    case 'server': {
      const [node] = target.nodes;
      return new IORedis({ ...options, host: node?.host ?? '127.0.0.1', port: node?.port ?? 6379 });
    }
    case 'sentinel':
      return new IORedis({ ...options, ...sentinelOptions(target, options) });
    case 'cluster': {
      const { enableOfflineQueue, retryStrategy, ...nodeOptions } = options;
      return new Cluster(target.nodes, {
        redisOptions: nodeOptions,
        enableOfflineQueue,
        clusterRetryStrategy: retryStrategy,
        enableAutoPipelining: true,
      }) as unknown as Redis;
    }
  }
}

/**
 * With Sentinel, ioredis ignores `tls` unless `enableTLSForSentinelMode` is set too, and needs separate settings for the
 * sentinels. Without both, passwords and orders would be sent unencrypted.
 */
function sentinelOptions(target: RedisTarget, { tls }: Pick<RedisOptions, 'tls'>) {
  const { username, password } = target.sentinel;
  return {
    sentinels: target.nodes,
    name: target.master ?? 'mymaster',
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
  } satisfies RedisOptions;
}

/** The certificate authority and our client certificate. Node verifies the host name by default. */
function tlsOptions(files: RedisTlsFiles): NonNullable<RedisOptions['tls']> {
  return Object.fromEntries(
    Object.entries(files).map(([option, path]) => {
      try {
        return [option, readFileSync(path)];
      } catch (cause) {
        throw new Error(`Cannot read the file for TLS to Redis: ${path}`, { cause });
      }
    }),
  );
}

function connectionOptions(target: RedisTarget, patience: Patience) {
  return {
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(target.db === undefined ? {} : { db: target.db }),
    ...(target.tls ? { tls: tlsOptions(target.files) } : {}),
    enableAutoPipelining: true,
    enableOfflineQueue: patience === 'patient',
    maxRetriesPerRequest: patience === 'patient' ? null : 0,
    retryStrategy: reconnectDelayMs,
    // Detects half-open connections. Must exceed the longest blocking read, about 10 s.
    socketTimeout: 15_000,
    connectTimeout: 5_000,
    reconnectOnError: shouldReconnectOnReadOnly,
  } satisfies RedisOptions;
}

/** Per connection: until when further READONLY errors do not cause a reconnect, and how long that pause is. */
const readOnlyPauses = new WeakMap<object, { readonly until: number; readonly ms: number }>();
const firstReadOnlyPauseMs = 1_000;
const maxReadOnlyPauseMs = 30_000;

/**
 * After a failover the old master answers writes with READONLY: reconnect at once to find the new one. If the server remains a
 * replica, back off exponentially instead of reconnecting ten times a second.
 *
 * @param this the options object of the connection, which identifies it
 */
function shouldReconnectOnReadOnly(this: unknown, error: Error): boolean {
  if (!error.message.startsWith('READONLY')) return false;
  const connection = this as object;
  const now = performance.now();
  const pause = readOnlyPauses.get(connection);
  if (pause !== undefined && now < pause.until) return false;
  // Another READONLY soon after the last pause belongs to the same incident.
  const isSame = pause !== undefined && now < pause.until + 2 * maxReadOnlyPauseMs;
  const ms = isSame ? Math.min(2 * pause.ms, maxReadOnlyPauseMs) : firstReadOnlyPauseMs;
  readOnlyPauses.set(connection, { until: now + ms, ms });
  return true;
}

/** True for an error because a key holds another type than expected, so something other than payment-poller wrote it. */
export function isWrongType(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('WRONGTYPE');
}

/**
 * Sends a command without ioredis' auto-pipelining. Each pipeline copies all of BullMQ's script commands, which costs more than
 * it saves for a command that already serves a whole batch.
 */
export function sendDirectly(redis: Redis, name: string, args: (string | number)[]): Promise<unknown> {
  const command = new Command(name, args, { replyEncoding: 'utf8' });
  redis.sendCommand(command);
  return command.promise;
}

/** Capped at 1 s: ioredis' default backoff would add many seconds to every recovery (docs/engine.md section 3). */
function reconnectDelayMs(attempt: number): number {
  return Math.min(attempt * 100, 1_000);
}

/** How long a command waits for a Redis that is reached but slow to answer, and for one that is not reached at all, in ms. */
const commandMs = 6_000;
const unreachedMs = 2_000;

/**
 * As `awaitRedis`, for a command that somebody waits for: an address at which nothing answers is given up sooner.
 *
 * @throws with a message that says what to check
 */
export function awaitRedisForCommand(redis: Redis, url: string): Promise<void> {
  return awaitRedis(redis, url, commandMs, unreachedMs);
}

/**
 * Waits until Redis answers a PING.
 *
 * @param unreachableMs limit while there is no connection
 * @throws after `timeoutMs`, with a message that says what to check
 */
export async function awaitRedis(
  redis: Redis,
  url: string,
  timeoutMs: number,
  unreachableMs: number = timeoutMs,
): Promise<void> {
  const beganAt = performance.now();
  const leftMs = () => beganAt + (isReached(redis) ? timeoutMs : unreachableMs) - performance.now();
  let last: unknown;
  for (let left = leftMs(); left > 0; left = leftMs()) {
    try {
      await withTimeout(redis.ping(), left, 'no answer to PING');
      return;
    } catch (error) {
      last = error;
      // Lets the connection be noticed, too, if this process had no time to do so until now.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new RedisUnavailableError(
    `Redis at ${redisAddress(url)} does not answer; check REDIS_URL and that Redis is running and accepts our credentials.`,
    { cause: last },
  );
}

function isReached({ status }: Redis): boolean {
  return status === 'connect' || status === 'ready';
}
