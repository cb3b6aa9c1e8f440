import { mkdir } from 'node:fs/promises';
import { type ServerProcess, spawnServer } from '../../src/embedded/server-process.ts';

/** One Redis server of a group that can be killed and restarted with its data. */
export interface RedisNode {
  readonly port: number;
  start(): Promise<void>;
  kill(): Promise<void>;
  close(): Promise<void>;
}

/** Creates a node without starting it. */
export function createNode(
  executable: string,
  port: number,
  dir: string,
  args: readonly string[],
): RedisNode {
  let server: ServerProcess | null = null;
  const stop = async () => {
    const ending = server;
    server = null;
    await ending?.stop();
  };
  return {
    port,
    async start() {
      await mkdir(dir, { recursive: true });
      server = await spawnServer(executable, args, { dir, isTemporary: false });
      if ((await server.awaitStart(port)) === 'port taken') throw new Error(`Port ${port} was taken.`);
    },
    async kill() {
      if (server !== null) process.kill(server.pid, 'SIGKILL');
      await stop();
    },
    close: stop,
  };
}

/** The arguments of a durable server, as our own embedded one has them. */
export function serverArgs(port: number, dir: string): string[] {
  return [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes'],
    ...['--appendfsync', 'everysec', '--save', '', '--maxmemory-policy', 'noeviction', '--hz', '100'],
    ...['--hash-max-ziplist-value', '1024'],
  ];
}
