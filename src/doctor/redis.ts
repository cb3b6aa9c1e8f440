import { awaitRedisForCommand, connectRedis, isWrongType, type Redis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import { redisAddress } from '../redis/url.ts';
import { type HttpReader, readReaders } from '../results/http-readers.ts';
import { type ReaderPosition, readerPositions } from '../results/reader-positions.ts';
import type { Diagnosis } from './diagnosis.ts';

const subject = 'redis';
/** BullMQ's minimum version. */
const leastVersion = 6.2;
const skewLimitMs = 2_000;

/** Checks whether Redis is reachable and configured safely. Returns false if it is not reachable. */
export async function* diagnoseRedis(redisUrl: string, prefix: string): AsyncGenerator<Diagnosis, boolean> {
  const redis = connectRedis(redisUrl, 'patient');
  try {
    await awaitRedisForCommand(redis, redisUrl);
  } catch (error) {
    yield { level: 'danger', subject, text: (error as Error).message };
    redis.disconnect();
    return false;
  }
  try {
    const info = parseInfo(await redis.info());
    yield version(redisUrl, info);
    yield eviction(info);
    yield await persistence(redis, info);
    yield await memory(redis, info);
    yield await clock(redis);
    yield* await groups(redis, prefix);
    return true;
  } finally {
    redis.disconnect();
  }
}

type Info = ReadonlyMap<string, string>;

function parseInfo(text: string): Info {
  return new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]));
}

function version(redisUrl: string, info: Info): Diagnosis {
  const found = info.get('valkey_version') ?? info.get('redis_version') ?? '0';
  const text = `version ${found} at ${redisAddress(redisUrl)}`;
  return Number.parseFloat(found) >= leastVersion
    ? { level: 'ok', subject, text }
    : { level: 'danger', subject, text: `${text}: upgrade to ${leastVersion} or newer` };
}

function eviction(info: Info): Diagnosis {
  const policy = info.get('maxmemory_policy') ?? 'unknown';
  return policy === 'noeviction'
    ? { level: 'ok', subject, text: 'maxmemory-policy is noeviction' }
    : {
        level: 'danger',
        subject,
        text: `maxmemory-policy is ${policy}: orders may be evicted; set it to noeviction`,
      };
}

async function persistence(redis: Redis, info: Info): Promise<Diagnosis> {
  if (info.get('aof_enabled') !== '1') {
    return {
      level: 'danger',
      subject,
      text: 'no append-only file: a crash of Redis loses orders; set appendonly yes',
    };
  }
  if (info.get('aof_last_write_status') !== 'ok') {
    return { level: 'danger', subject, text: 'the append-only file cannot be written; free disk space' };
  }
  const fsync = await setting(redis, 'appendfsync');
  switch (fsync) {
    case 'always':
      return { level: 'ok', subject, text: 'append-only file, appendfsync always' };
    case null:
      return {
        level: 'warning',
        subject,
        text: 'append-only file; this Redis hides appendfsync, make sure that it is set to always',
      };
    default:
      return {
        level: 'warning',
        subject,
        text: `appendfsync is ${fsync}: a power loss may lose the last second of orders; set it to always, or have the checkout submit orders again when unsure`,
      };
  }
}

/** Reads a setting of Redis; `null` where CONFIG is forbidden, as with managed services. */
async function setting(redis: Redis, name: string): Promise<string | null> {
  try {
    const [, value] = (await redis.config('GET', name)) as string[];
    return value ?? null;
  } catch {
    return null;
  }
}

async function memory(redis: Redis, info: Info): Promise<Diagnosis> {
  const used = Number(info.get('used_memory') ?? 0);
  const limit = Number(info.get('maxmemory') ?? 0);
  const packed = await setting(redis, 'hash-max-listpack-value');
  const advice =
    packed !== null && Number(packed) < 1_024 ? ' (hash-max-listpack-value 1024 would halve this)' : '';
  const shown = `${Math.round(used / 1e6)} MB used${advice}`;
  if (limit === 0) return { level: 'ok', subject, text: `${shown}, no limit set` };
  const share = Math.round((100 * used) / limit);
  const text = `${shown}, ${share} % of maxmemory`;
  return share < 80
    ? { level: 'ok', subject, text }
    : { level: 'danger', subject, text: `${text}: at 100 % new orders are refused; increase maxmemory` };
}

/** Checks the clock skew: jobs are delayed by the clock of one process and fetched by that of another. */
async function clock(redis: Redis): Promise<Diagnosis> {
  const before = Date.now();
  const [seconds, microseconds] = (await redis.time()) as [number, number];
  const here = (before + Date.now()) / 2;
  const skewMs = Math.round(here - (Number(seconds) * 1_000 + Number(microseconds) / 1_000));
  const text = `the clocks of this machine and of Redis differ by ${Math.abs(skewMs)} ms`;
  return Math.abs(skewMs) <= skewLimitMs
    ? { level: 'ok', subject: 'clock', text }
    : {
        level: 'danger',
        subject: 'clock',
        text: `${text}: synchronise both with NTP, or polls come too early or too late`,
      };
}

async function groups(redis: Redis, prefix: string): Promise<Diagnosis[]> {
  const keys = createKeys(prefix);
  const found = await readerPositions(redis, keys).catch((error) => {
    if (!isWrongType(error)) throw error;
    return null;
  });
  if (found === null) {
    const text = `${keys.results} is not a stream, so no verdict can be published: rename it, and find out what wrote it`;
    return [{ level: 'danger', subject: 'results', text }];
  }
  const readers = await readReaders(redis, keys).catch(() => []);
  const silent = readers.filter(({ at }) => Date.now() - at > silentReaderMs);
  return [...found.flatMap(groupDiagnoses), ...silent.map(silentReader)];
}

/** A reader over HTTP that runs every day has had its chances by then. */
const silentReaderMs = 3 * 86_400_000;

function silentReader({ name, at }: HttpReader): Diagnosis {
  const text = `reader ${name} has acknowledged nothing since ${new Date(at).toISOString()}: see why, or remove it with DELETE /v1/readers/${name}`;
  return { level: 'warning', subject: 'results', text };
}

function groupDiagnoses({ group, lag, pending, parked }: ReaderPosition): Diagnosis[] {
  const behind = lag + pending;
  const text =
    behind === 0 ? `group ${group} has handled everything` : `group ${group} has ${behind} results to handle`;
  const progress: Diagnosis = { level: behind > 1_000 ? 'warning' : 'ok', subject: 'results', text };
  if (parked === 0) return [progress];
  const aside = `group ${group} has ${parked} parked results that nobody has handled (docs/consuming-results.md)`;
  return [progress, { level: 'warning', subject: 'results', text: aside }];
}
