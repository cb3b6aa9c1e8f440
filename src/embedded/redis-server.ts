import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { FoundRedis, FsyncPolicy } from './found-redis.ts';
import { spawnServer } from './server-process.ts';

/** Options of the server. */
export interface RedisServerOptions {
  /** Data folder, kept on close; default a temporary one, removed on close. */
  readonly dir?: string;
  /** When the append-only file is flushed to disk; default `everysec`. */
  readonly appendfsync?: FsyncPolicy;
  /** Receives one line when the server ends unexpectedly; default none. */
  readonly announce?: (line: string) => void;
  /** Chooses the loopback port; default a free one. Called again if the port was taken meanwhile. */
  readonly choosePort?: () => Promise<number>;
}

const portAttempts = 5;

/**
 * Starts `executable` (redis-server or valkey-server) as a child on a loopback port, with an append-only file, and
 * waits until it answers PING. It is stopped by `close()` or, through its watchdog, when this process ends.
 *
 * @throws when it does not start; the message contains its last output
 */
export async function startRedisServer(
  executable: string,
  options: RedisServerOptions = {},
): Promise<FoundRedis> {
  const dir = resolve(options.dir ?? (await mkdtemp(join(tmpdir(), 'payment-poller-redis-'))));
  const isTemporary = options.dir === undefined;
  const removeFiles = () => (isTemporary ? rm(dir, { recursive: true, force: true }) : Promise.resolve());
  try {
    await mkdir(dir, { recursive: true });
    const { server, port, version } = await startOnFreePort(executable, dir, isTemporary, options);
    let closing: Promise<void> | undefined;
    void server.ended.then((how) => {
      if (!closing) options.announce?.(`The Redis that we started ended by itself: ${how}.`);
    });
    return {
      url: `redis://127.0.0.1:${port}`,
      kind: 'server',
      durable: true,
      description: `${basename(executable)} ${version} on 127.0.0.1:${port}, its append-only file in ${dir}`,
      pid: server.pid,
      close() {
        closing ??= server.stop().then(removeFiles);
        return closing;
      },
    };
  } catch (err) {
    await removeFiles();
    throw err;
  }
}

async function startOnFreePort(
  executable: string,
  dir: string,
  isTemporary: boolean,
  options: RedisServerOptions,
) {
  const choosePort = options.choosePort ?? chooseFreePort;
  for (let attempt = 1; attempt <= portAttempts; attempt++) {
    const port = await choosePort();
    const server = await spawnServer(executable, settings(port, dir, options), { dir, isTemporary });
    try {
      const start = await server.awaitStart(port);
      if (start !== 'port taken') return { server, port, version: start.version };
    } catch (err) {
      await server.stop();
      throw err;
    }
    await server.stop();
  }
  throw new Error(`${basename(executable)} found ${portAttempts} ports taken, one after the other`);
}

function settings(port: number, dir: string, { appendfsync = 'everysec' }: RedisServerOptions): string[] {
  return [
    ...['--port', String(port), '--bind', '127.0.0.1', '--protected-mode', 'yes', '--daemonize', 'no'],
    ...['--dir', dir, '--appendonly', 'yes', '--appendfsync', appendfsync, '--save', ''],
    // Redis ends timed-out blocking reads once per tick: at the default hz of 10 a delayed job starts 46 ms late.
    ...['--maxmemory-policy', 'noeviction', '--hz', '100'],
    // Halves the memory of records. Redis 6 knows only this older name of the setting.
    ...['--hash-max-ziplist-value', '1024'],
  ];
}

/** A loopback port that is currently free; another process may still take it first. */
async function chooseFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
