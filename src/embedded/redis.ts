import { redisAddress } from '../redis.ts';
import { startDockerRedis } from './docker.ts';
import { findExecutable } from './executables.ts';
import { startInProcessRedis } from './in-process.ts';
import { type FsyncPolicy, startRedisServer } from './redis-server.ts';
import { installRedisPackage } from './system-package.ts';

/** A Redis to work with, and how to be rid of it. */
export interface FoundRedis {
  /** What to connect to. */
  readonly url: string;
  /** Where it came from: given by URL, a child process, a container, or a server inside this process. */
  readonly kind: 'given' | 'server' | 'docker' | 'in-process';
  /** Whether writes go to an append-only file. Whoever gives a URL answers for it: `true`. */
  readonly durable: boolean;
  /** One phrase for people, without credentials. */
  readonly description: string;
  /** The process id of the child; only of `server`. */
  readonly pid?: number;
  /** Ends what was started, and removes its files unless `dir` was given. May be called twice. */
  close(): Promise<void>;
}

/** Where `findRedis` may look, and how what it starts should behave. */
export interface FindRedisOptions {
  /** A Redis that exists (REDIS_URL): used as it is, nothing is started. */
  readonly url?: string;
  /** The PATH on which `redis-server`, `valkey-server`, `docker` and `apt-get` are looked for. */
  readonly path: string;
  /** Which ways may be taken. */
  readonly allow?: {
    /** A `redis-server` or `valkey-server` on the PATH; default true. */
    readonly server?: boolean;
    /** A container, where a Docker engine answers; default true. */
    readonly docker?: boolean;
    /** js-redis-server in this process, in memory only; default false. */
    readonly inProcess?: boolean;
    /** Installing Debian's redis-server package, as root; default false. */
    readonly systemPackage?: boolean;
  };
  /** Folder for the data of `server`, kept on close; default a temporary one, removed on close. */
  readonly dir?: string;
  /** When the append-only file is flushed to disk; default `everysec`. */
  readonly appendfsync?: FsyncPolicy;
  /** Image for Docker; default `redis:8-alpine`. */
  readonly image?: string;
  /** Hears in one line each what is being done, and what did not work; default nobody. */
  readonly announce?: (line: string) => void;
}

/** The image that containers are made of unless told otherwise. */
export const defaultRedisImage = 'redis:8-alpine';

/**
 * Finds a Redis, starting one where there is none: the given URL, else a server on the PATH, else Docker, else (when
 * allowed) a server in this process, else (when allowed) Debian's package. What it starts ends with this process,
 * however that ends; see `watchdog.ts`.
 *
 * @throws when none can be had, with one sentence that says what to install; `cause` holds what went wrong on the way
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
