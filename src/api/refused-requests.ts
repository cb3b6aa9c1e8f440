import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { createAddressList } from '../config/address-list.ts';
import { problemOf, problemType } from './problem.ts';

/** Requests of one connection that may wait for their answers: no client of today sends several at once. */
const pipelined = 4;
/** Requests that one connection may have refused at once, and how many more each second. */
const burst = 30;
const perSecond = 10;

const answer = JSON.stringify(
  problemOf(429, 'Too many requests on this connection were refused; correct them, and slow down.'),
);
const headers = [
  ...['Content-Type', problemType],
  ...['Content-Length', String(Buffer.byteLength(answer))],
  ...['Retry-After', '1'],
  ...['Connection', 'close'],
];

/**
 * Closes connections that keep sending what is refused, or much at once, with one 429: what else has arrived on them is dropped
 * before a route, a key or a body is looked at, so that a flood of requests which nobody wants leaves time for the others.
 *
 * Each request takes a token of its connection, and gives it back once it was let in. Connections of trusted proxies carry the requests
 * of many, and have no such limit: limiting there is the proxy's part.
 */
export function limitRefused(
  app: Pick<FastifyInstance, 'server' | 'addHook'>,
  trustedProxies: readonly string[],
): void {
  const isProxy = trustedProxies.length === 0 ? () => false : createAddressList(trustedProxies);
  const buckets = new WeakMap<Socket, Bucket>();

  function bucketOf(socket: Socket): Bucket {
    const known = buckets.get(socket);
    if (known !== undefined) return known;
    const bucket = createBucket(isProxy(socket.remoteAddress ?? ''));
    buckets.set(socket, bucket);
    return bucket;
  }

  guard(app.server, ({ socket }) => bucketOf(socket).take(performance.now()));
  app.addHook('onResponse', (request, reply, done) => {
    const isLetIn = reply.statusCode < 400 || request.apiKey !== null || request.user !== null;
    bucketOf(request.raw.socket).answered(isLetIn);
    done();
  });
}

/** Puts the guard before the server's own listener. */
function guard(server: Server, admits: (request: IncomingMessage) => boolean): void {
  const listeners = server.listeners('request') as RequestListener[];
  const cut = new WeakSet<Socket>();
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    const { socket } = request;
    // What else has arrived together with it.
    if (cut.has(socket)) return;
    if (admits(request)) {
      for (const listener of listeners) listener.call(server, request, response);
      return;
    }
    cut.add(socket);
    response.writeHead(429, headers).end(answer);
  });
}

interface Bucket {
  /** False when the connection has had its share. */
  take(now: number): boolean;
  answered(isLetIn: boolean): void;
}

function createBucket(isUnlimited: boolean): Bucket {
  let waiting = 0;
  let tokens = burst;
  let filledAt = performance.now();
  return {
    take(now) {
      if (isUnlimited) return true;
      tokens = Math.min(burst, tokens + ((now - filledAt) * perSecond) / 1_000);
      filledAt = now;
      if (tokens < 1 || waiting >= pipelined) return false;
      tokens -= 1;
      waiting += 1;
      return true;
    },
    answered(isLetIn) {
      waiting -= 1;
      if (isLetIn) tokens += 1;
    },
  };
}
