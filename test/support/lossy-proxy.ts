import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP proxy in front of Redis that drops replies and their connections. Closed at the end of the test. */
export interface LossyProxy {
  readonly url: string;
  /** The next command with these bytes is executed, but its reply is dropped. */
  loseReplyTo(command: string): void;
  /** How many replies were lost. */
  lost(): number;
}

export async function startLossyProxy(redisUrl: string): Promise<LossyProxy> {
  const target = new URL(redisUrl);
  let sought: string | null = null;
  let lost = 0;
  const server = createServer((client) => {
    const redis = connect(Number(target.port || 6379), target.hostname);
    let isLosing = false;
    client.on('data', (bytes) => {
      if (sought !== null && bytes.includes(sought)) {
        sought = null;
        isLosing = true;
      }
      redis.write(bytes);
    });
    redis.on('data', (bytes) => {
      if (isLosing) {
        lost += 1;
        client.destroy();
      } else client.write(bytes);
    });
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      // An error is followed by `close`.
      socket.on('error', () => {}).on('close', () => other.destroy());
    }
    sockets.add(client);
    client.on('close', () => sockets.delete(client));
  });
  const sockets = new Set<{ destroy(): unknown }>();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `redis://127.0.0.1:${port}${target.pathname}`,
    loseReplyTo(command) {
      sought = command;
    },
    lost: () => lost,
  };
}
