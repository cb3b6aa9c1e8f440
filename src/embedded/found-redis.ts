/** When Redis flushes its append-only file: `always` before it answers a write, `everysec` once a second. */
export type FsyncPolicy = 'always' | 'everysec';

/** A Redis that was found or started. */
export interface FoundRedis {
  /** URL to connect to. */
  readonly url: string;
  /** Where it came from: given by URL, a child process, a container, or a server inside this process. */
  readonly kind: 'given' | 'server' | 'docker' | 'in-process';
  /** True if writes go to an append-only file; assumed for a given URL. */
  readonly durable: boolean;
  /** Description for display, without credentials. */
  readonly description: string;
  /** Process id of the child; only for `server`. */
  readonly pid?: number;
  /** Stops what was started, and removes its files unless `dir` was given. May be called twice. */
  close(): Promise<void>;
}

/** Which options `findRedis` may use, and settings for what it starts. */
export interface FindRedisOptions {
  /** A Redis that exists (REDIS_URL): used as it is, nothing is started. */
  readonly url?: string;
  /** The PATH that is searched for `redis-server`, `valkey-server`, `docker` and `apt-get`. */
  readonly path: string;
  /** Which options are allowed. */
  readonly allow?: {
    /** A `redis-server` or `valkey-server` on the PATH; default true. */
    readonly server?: boolean;
    /** A container, if a Docker engine answers; default true. */
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
  /** Receives one line per step and failure; default none. */
  readonly announce?: (line: string) => void;
}

/** Default image of containers. */
export const defaultRedisImage = 'redis:8-alpine';
