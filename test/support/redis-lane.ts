import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

type Way = 'to Redis' | 'from Redis';

/** A proxy to Redis that can be cut during a command while its sockets stay open. */
export interface RedisLane {
  readonly url: string;
  /**
   * Cuts when next something with this text is on its way to Redis: before it (`to Redis`: it never arrives), or behind
   * it (`from Redis`: it is done, but nobody hears of it). Resolves then.
   */
  cutAt(text: string, way: Way): Promise<void>;
}

export async function openRedisLane(redisUrl: string): Promise<RedisLane> {
  const { hostname, port } = new URL(redisUrl);
  const sockets = new Set<Socket>();
  let blocked: Way | null = null;
  let armed: { text: string; way: Way; cut: () => void } | null = null;

  function carry(from: Socket, to: Socket, way: Way): void {
    sockets.add(from);
    from.on('data', (bytes) => {
      const isTheMoment = way === 'to Redis' && armed !== null && bytes.includes(armed.text);
      const cut = isTheMoment ? armed : null;
      if (cut?.way === 'to Redis') blocked = 'to Redis';
      if (blocked !== way) to.write(bytes);
      if (cut === null) return;
      blocked = cut.way;
      armed = null;
      cut.cut();
    });
    from.on('error', () => {});
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  }

  const server = createServer((client) => {
    const redis = connect(Number(port || 6_379), hostname);
    carry(client, redis, 'to Redis');
    carry(redis, client, 'from Redis');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAt: (text, way) =>
      new Promise((cut) => {
        armed = { text, way, cut };
      }),
  };
}
