import { statSync, truncateSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FoundRedis, FsyncPolicy } from '../src/embedded/found-redis.ts';
import { startRedisServer } from '../src/embedded/redis-server.ts';
import { connectRedis } from '../src/redis/connection.ts';
import { freePorts } from '../test/support/ports.ts';
import { createProxy, type TcpProxy } from '../test/support/proxy.ts';
import type { ChaosRedis } from '../test/support/redis-topology.ts';

/** One Redis on its append-only file, behind a proxy, that can be killed and started again. */
export interface SingleRedis extends ChaosRedis {
  readonly proxy: TcpProxy;
  /** SIGKILL: what was written to the append-only file stays. */
  kill(): Promise<void>;
  /**
   * Power loss: SIGKILL, and the append-only file is cut back to its length of `lostMs` ago. Returns the instant from
   * which on everything may be lost.
   */
  killWithPowerLoss(lostMs: number): Promise<number>;
  /** SIGKILL, and its files are gone. */
  killAndEmpty(): Promise<void>;
  restart(): Promise<void>;
}

/** How often the length of the append-only file is noted, in milliseconds. */
const sampleMs = 25;

export async function startSingleRedis(
  executable: string,
  dir: string,
  appendfsync: FsyncPolicy = 'everysec',
): Promise<SingleRedis> {
  const [port = 0] = await freePorts(1);
  let server: FoundRedis = await start();
  const proxy = await createProxy(port);
  let lengths: { readonly at: number; readonly file: string; readonly bytes: number }[] = [];
  const looking = connectRedis(server.url, 'prompt');
  const sampler = setInterval(() => void sample(), sampleMs);

  async function start(): Promise<FoundRedis> {
    const found = await startRedisServer(executable, { dir, appendfsync, choosePort: async () => port });
    const redis = connectRedis(found.url, 'patient');
    // No power loss could be played while the file is rewritten.
    await redis.config('SET', 'auto-aof-rewrite-percentage', '0');
    redis.disconnect();
    return found;
  }

  /**
   * While an fsync is under way, Redis under `everysec` acknowledges without writing, for seconds on a busy disk
   * (`flushAppendOnlyFile`). Only while nothing waits to be written does the file hold all that was acknowledged before.
   */
  async function sample(): Promise<void> {
    const at = Date.now();
    const info = await looking.info('persistence').catch(() => '');
    if (!/^aof_buffer_length:0\r?$/m.test(info)) return;
    const file = await currentFile(dir);
    const bytes = file === null ? undefined : statSync(file, { throwIfNoEntry: false })?.size;
    if (file === null || bytes === undefined) return;
    lengths = [...lengths.filter((one) => one.at > at - 10_000), { at, file, bytes }];
  }

  async function kill(): Promise<void> {
    if (server.pid !== undefined) process.kill(server.pid, 'SIGKILL');
    await server.close();
  }

  return {
    kind: 'single',
    url: server.url,
    serviceUrl: `redis://127.0.0.1:${proxy.port}`,
    proxy,
    kill,
    async killWithPowerLoss(lostMs) {
      const cutAt = Date.now() - lostMs;
      await kill();
      // Had Redis begun a new file since, the end of the one before would be no end of what was written.
      const file = await currentFile(dir);
      const kept = lengths.findLast((one) => one.at <= cutAt && one.file === file);
      if (kept === undefined) return Number.POSITIVE_INFINITY;
      truncateSync(kept.file, kept.bytes);
      lengths = [];
      return kept.at;
    },
    async killAndEmpty() {
      await kill();
      lengths = [];
      await rm(join(dir, 'appendonlydir'), { recursive: true, force: true });
    },
    async restart() {
      server = await start();
    },
    async close() {
      clearInterval(sampler);
      looking.disconnect();
      await proxy.close();
      await server.close();
    },
  };
}

/** The part of the append-only file that is being written. */
async function currentFile(dir: string): Promise<string | null> {
  const folder = join(dir, 'appendonlydir');
  const files = await readdir(folder).catch(() => []);
  const parts = files.filter((file) => file.endsWith('.incr.aof')).sort();
  const last = parts.at(-1);
  return last === undefined ? null : join(folder, last);
}
