import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Attack, atRate, type Target } from './attack.ts';

/** What no HTTP client would do. */

const slowSockets = 200;
const streams = 250;
const waits = 300;
const anewMs = 1_000;

/** Requests that never end: half of them stop in their headers, half in the body of a callback under the right token. */
export const slowRequests: Attack = {
  name: 'slow requests',
  resisted: /^408$/,
  run: (target, heard, stop) =>
    keepOpen(slowSockets, stop, async (nth) => {
      const { callbackToken } = target;
      const head =
        nth % 2 === 0
          ? 'GET / HTTP/1.1\r\nhost: x\r\nx-slow: '
          : `POST /callbacks/lipia/${callbackToken} HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n`;
      await hold(target, head, heard, stop, { dripMs: 1_000 });
    }),
};

/** All event streams that one key can get, and more, by a client that never reads. */
export const greedyStreams: Attack = {
  name: 'event streams of one key',
  resisted: /^(?:200|429)$/,
  run: (target, heard, stop) =>
    keepOpen(streams, stop, async () => {
      const head = `GET /v1/results?from=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${target.greedyKey}\r\n\r\n`;
      await hold(target, head, heard, stop, { isDeaf: true });
    }),
};

/** Waits for verdicts, whose answers nobody reads. */
export const greedyWaits: Attack = {
  name: 'waits of one key',
  resisted: /^(?:200|404|429)$/,
  run: (target, heard, stop) =>
    keepOpen(waits, stop, async (nth) => {
      const orderId = target.orders[nth % target.orders.length]?.orderId;
      const head = `GET /v1/orders/${orderId}?wait=50 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${target.greedyKey}\r\n\r\n`;
      await hold(target, head, heard, stop, { isDeaf: true });
    }),
};

/** More than any provider sends, announced and not announced, at the right token and a wrong one. */
export const oversizedBodies: Attack = {
  name: 'oversized bodies',
  resisted: /^(?:404|413)$/,
  run: (target, heard, stop) => {
    let nth = 0;
    return atRate(10, 20, stop, async () => {
      nth += 1;
      const token = nth % 3 === 0 ? 'f'.repeat(40) : target.callbackToken;
      const start = `POST /callbacks/lipia/${token} HTTP/1.1\r\nhost: x\r\n`;
      const chunk = `11000\r\n${'x'.repeat(0x11_000)}\r\n`;
      const request =
        nth % 2 === 0
          ? `${start}content-length: 70000\r\n\r\n${'x'.repeat(70_000)}`
          : `${start}transfer-encoding: chunked\r\n\r\n${chunk}`;
      await hold(target, request, heard, stop);
    });
  },
};

/** Keeps so many of something going. */
async function keepOpen(
  count: number,
  stop: AbortSignal,
  one: (nth: number) => Promise<void>,
): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, nth) => {
      await pauseFor(nth * 10, stop);
      while (!stop.aborted) {
        await one(nth);
        await pauseFor(anewMs, stop);
      }
    }),
  );
}

/** Sends something and holds the connection until the other side ends it. Calls `heard` with the status, or `closed`. */
function hold(
  { port }: Pick<Target, 'port'>,
  said: string,
  heard: (answer: string) => void,
  stop: AbortSignal,
  { dripMs, isDeaf = false }: { readonly dripMs?: number; readonly isDeaf?: boolean } = {},
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isAnswered = false;
  let drip: NodeJS.Timeout | undefined;
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(said);
    // Not before: on a busy machine a connection takes longer than a drip, which would then stand before the request line.
    if (dripMs !== undefined) drip = setInterval(() => void (socket.writable && socket.write('x')), dripMs);
  });
  const end = () => void socket.destroy();
  socket.once('data', (bytes) => {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(String(bytes))?.[1] ?? 'GARBAGE';
    isAnswered = true;
    heard(status);
    // One that was refused has nothing to hold.
    if (!isDeaf) socket.resume();
    else if (status === '200') socket.pause();
    else end();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    clearInterval(drip);
    stop.removeEventListener('abort', end);
    if (!isAnswered) heard('closed');
    resolve();
  });
  stop.addEventListener('abort', end);
  return promise;
}

async function pauseFor(ms: number, stop: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: stop }).catch(() => {});
}
