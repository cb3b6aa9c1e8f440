import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { findExecutable } from '../../src/embedded/executables.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { freePort } from './ports.ts';

/** The redis-server that tests may start and kill; `undefined` where none is on the PATH. */
export const redisServer = await findExecutable(['redis-server', 'valkey-server'], process.env.PATH ?? '');

/** A Redis for one test, at a fixed address, that can be killed and restarted with its data. */
export interface RestartableRedis {
  readonly url: string;
  /** SIGKILL. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGSTOP: its connections stay open and say nothing, until the returned function is called. */
  freeze(): () => void;
}

export async function startRestartableRedis(): Promise<RestartableRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'payment-poller-test-'));
  const port = await freePort();
  const start = () =>
    startRedisServer(redisServer ?? '', {
      dir,
      appendfsync: 'always',
      choosePort: () => Promise.resolve(port),
    });
  let running: Awaited<ReturnType<typeof start>> | null = await start();
  const { url } = running;
  onTestFinished(async () => {
    await running?.close();
    await rm(dir, { recursive: true });
  });
  return {
    url,
    async kill() {
      if (running?.pid !== undefined) process.kill(running.pid, 'SIGKILL');
      await running?.close();
      running = null;
    },
    async start() {
      running = await start();
    },
    freeze() {
      const { pid } = running ?? {};
      if (pid === undefined) throw new Error('There is no Redis to freeze.');
      process.kill(pid, 'SIGSTOP');
      return () => void process.kill(pid, 'SIGCONT');
    },
  };
}
