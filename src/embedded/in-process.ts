import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { FindRedisOptions, FoundRedis } from './found-redis.ts';

/**
 * Starts js-redis-server in this process on a loopback port; `undefined` if that optional package is not installed.
 *
 * Only for trying things out: it keeps everything in memory, shares our single thread, handles a few hundred polls per
 * second, and has no WAITAOF, WAIT, persistence, replication or OBJECT.
 */
export async function startInProcessRedis(
  options: Pick<FindRedisOptions, 'announce'>,
): Promise<FoundRedis | undefined> {
  const engine = await loadEngine();
  if (!engine) return undefined;
  const state = new engine.RedisServerState();
  const executor = engine.createRedisCommandExecutor();
  const sockets = new Set<Socket>();
  // The package's own server listens on all interfaces, has Nagle's 40 ms delay, and cannot close with open connections.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    engine.attachSession(new engine.SocketConnectionTransport(socket), { state, executor });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const end = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    state.close();
  };
  let closing: Promise<void> | undefined;
  options.announce?.(
    'Using a Redis inside this process: nothing survives its end. Install redis-server for more.',
  );
  return {
    url: `redis://127.0.0.1:${port}`,
    kind: 'in-process',
    durable: false,
    description: `js-redis-server inside this process on 127.0.0.1:${port}, in memory only`,
    close() {
      closing ??= end();
      return closing;
    },
  };
}

async function loadEngine() {
  try {
    return await import('js-redis-server/core');
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw err;
  }
}
