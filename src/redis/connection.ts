import { readFileSync } from 'node:fs';
import { Cluster, Command, Redis as IORedis, type RedisOptions } from 'ioredis';
import { parseRedisUrl, type RedisTarget, type RedisTlsFiles, redisAddress } from './url.ts';

/** A connection to Redis: one server, Sentinel or Cluster. All keys of one command share a slot, so the commands are the same. */
export type Redis = IORedis;

/**
 * How a connection waits.
 * - `patient`: commands wait for Redis to come back, for ever. For workers, whose jobs are safe in Redis meanwhile.
 * - `prompt`: commands fail at once while Redis is away. For whoever has a caller waiting: an enqueue that gave up must
 *   not be sent later (docs/engine.md section 3).
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
  // A listener keeps ioredis from printing; failures reach the caller through commands and readiness.
  redis.on('error', forgetArguments);
  return redis;
}

/**
 * ioredis hangs the command that failed onto its error, with all arguments: the password of a connection, the metadata of
 * an order. Whoever prints the error would print them.
 */
export function forgetArguments(error: unknown): void {
  if (!(error instanceof Error)) return;
  if ('command' in error) delete error.command;
  forgetArguments(error.cause);
  // A Cluster tells the error of the node that it asked last.
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
 * With Sentinel, ioredis ignores `tls` unless it is told a second time, and sentinels have settings of their own: without
 * these the password, the orders and the verdicts would travel in clear text.
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

/** What a certificate is checked against, and what we show of our own. Node checks the name of the host by itself. */
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
    // A half-open connection is silent for ever without this; it must exceed the longest blocking read, about 10 s.
    socketTimeout: 15_000,
    connectTimeout: 5_000,
    reconnectOnError: isReadOnlyAnew,
  } satisfies RedisOptions;
}

/** How long a connection stays where it is after it was told READONLY: 1 s, doubling, and at first not at all. */
const readOnlyRests = new WeakMap<object, { readonly until: number; readonly ms: number }>();
const firstReadOnlyRestMs = 1_000;
const maxReadOnlyRestMs = 30_000;

/**
 * After a failover the old master answers writes with READONLY: connect anew, to find the new one. A replica that stays one
 * would be left and found again ten times a second by every connection, so each further time is twice as far off.
 *
 * @param this the options of the connection, its own in every copy of it
 */
function isReadOnlyAnew(this: unknown, error: Error): boolean {
  if (!error.message.startsWith('READONLY')) return false;
  const connection = this as object;
  const now = performance.now();
  const rest = readOnlyRests.get(connection);
  if (rest !== undefined && now < rest.until) return false;
  // Told so again soon after the last rest: it is still the same trouble.
  const isSame = rest !== undefined && now < rest.until + 2 * maxReadOnlyRestMs;
  const ms = isSame ? Math.min(2 * rest.ms, maxReadOnlyRestMs) : firstReadOnlyRestMs;
  readOnlyRests.set(connection, { until: now + ms, ms });
  return true;
}

/** Does a key hold another type than was expected? Somebody else wrote it: it stops what depends on it, and nothing else. */
export function isWrongType(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('WRONGTYPE');
}

/**
 * Sends a command past ioredis' auto-pipelining, which copies all of BullMQ's script commands into each of its pipelines:
 * for one command that serves a whole batch already, that costs more than it saves.
 */
export function sendDirectly(redis: Redis, name: string, args: (string | number)[]): Promise<unknown> {
  const command = new Command(name, args, { replyEncoding: 'utf8' });
  redis.sendCommand(command);
  return command.promise;
}

/** Capped at a second: ioredis' own back-off adds many seconds to every recovery (docs/engine.md section 3). */
function reconnectDelayMs(attempt: number): number {
  return Math.min(attempt * 100, 1_000);
}

/**
 * Waits until Redis answers.
 *
 * @throws after `timeoutMs` with a sentence that says what to do
 */
export async function awaitRedis(redis: Redis, url: string, timeoutMs: number): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < giveUpAt) {
    try {
      await pingWithin(redis, Math.max(1, giveUpAt - performance.now()));
      return;
    } catch (error) {
      last = error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(
    `Redis at ${redisAddress(url)} does not answer; check REDIS_URL and that Redis is running and accepts our credentials.`,
    { cause: last },
  );
}

async function pingWithin(redis: Redis, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer to PING')), ms);
  });
  try {
    await Promise.race([redis.ping(), late]);
  } finally {
    clearTimeout(timer);
  }
}
