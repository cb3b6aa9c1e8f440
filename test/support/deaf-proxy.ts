import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A way to a Redis that can lose what Redis says. */
export interface DeafProxy {
  readonly url: string;
  /** From now on commands arrive and their replies do not. */
  loseReplies(): void;
  /** Ends the connections whose replies were lost; new ones are whole. */
  cut(): void;
}

export async function startDeafProxy(redisUrl: string): Promise<DeafProxy> {
  const { port } = new URL(redisUrl);
  const pairs = new Set<{ readonly inner: Socket; readonly outer: Socket }>();
  const cut = () => {
    for (const { inner } of pairs) inner.destroy();
  };
  const server = createServer((inner) => {
    const outer = connect(Number(port), '127.0.0.1');
    const pair = { inner, outer };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      inner.destroy();
      outer.destroy();
    };
    for (const socket of [inner, outer]) socket.on('error', end).on('close', end);
    inner.pipe(outer);
    outer.pipe(inner);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    cut();
    server.close();
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    loseReplies() {
      for (const { inner, outer } of pairs) outer.unpipe(inner).resume();
    },
    cut,
  };
}
