import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { parsed } from './support.ts';

/** One body that the merchant's server received. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
}

/** A merchant's server: `next()` waits for the next post, `received` holds all so far. */
export async function merchant() {
  const received: Received[] = [];
  const waiting: ((post: Received) => void)[] = [];
  const unread: Received[] = [];
  const server = createServer((incoming, response) => {
    let text = '';
    incoming.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    incoming.on('end', () => {
      const post = { path: incoming.url ?? '', headers: incoming.headers, text, json: parsed(text) };
      received.push(post);
      response.end('OK');
      const taker = waiting.shift();
      if (taker) taker(post);
      else unread.push(post);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const { port } = server.address() as AddressInfo;
  const next = (): Promise<Received> => {
    const post = unread.shift();
    return post ? Promise.resolve(post) : new Promise((resolve) => waiting.push(resolve));
  };
  return { url: `http://127.0.0.1:${port}`, received, next };
}
