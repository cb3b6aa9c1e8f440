/** When Redis flushes its append-only file: `always` before it answers a write, `everysec` once a second. */
export type FsyncPolicy = 'always' | 'everysec';

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
