import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAddressGuard } from '../../src/webhooks/address-guard.ts';
import { createWebhookSender } from '../../src/webhooks/send.ts';
import { answer, type Behaviour, startReceiver } from './receiver.ts';

function senderTo(url: string, { timeoutMs = 20_000, allowed = ['loopback'] } = {}) {
  const guard = createAddressGuard(allowed);
  const sender = createWebhookSender({ url, guard, timeoutMs, connections: 2 });
  onTestFinished(() => sender.close());
  return sender;
}

async function outcomeAt(behaviour: Behaviour, timeoutMs?: number) {
  const { url } = await startReceiver(behaviour);
  return senderTo(url, { ...(timeoutMs !== undefined && { timeoutMs }) }).send({}, '{}');
}

/** A server that writes to each connection as it likes. */
async function rawServer(behave: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    behave(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

describe('the outcome of a request', () => {
  test.each([200, 201, 202, 204, 299])('%i is delivered', async (status) => {
    expect(await outcomeAt(answer(status))).toEqual({ kind: 'delivered', answer: `HTTP ${status}` });
  });

  test.each([400, 401, 404, 408, 422, 429, 500, 503])('%i is retried', async (status) => {
    expect(await outcomeAt(answer(status))).toEqual({
      ...{ kind: 'failed', answer: `HTTP ${status}`, retryAfterMs: 0 },
    });
  });

  test('410 disables', async () => {
    expect(await outcomeAt(answer(410))).toEqual({ kind: 'gone', answer: 'HTTP 410' });
  });

  test.each([301, 302, 303, 307, 308])('%i is not followed', async (status) => {
    const target = await startReceiver();
    const outcome = await outcomeAt(answer(status, { location: target.url }));
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect('answer' in outcome && outcome.answer).toMatch(/redirects are not followed/);
    expect(target.received).toEqual([]);
  });

  test.each([
    ['7', 7_000],
    ['0', 0],
    ['999999999', 3_600_000],
    ['-1', 0],
    ['nonsense', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ])('Retry-After: %s means %i ms', async (header, retryAfterMs) => {
    expect(await outcomeAt(answer(503, { 'retry-after': header }))).toMatchObject({ retryAfterMs });
  });
});

describe('an endpoint that', () => {
  test('does not answer is given up in time', async () => {
    expect(await outcomeAt(() => {}, 50)).toMatchObject({ kind: 'failed', answer: 'no answer within 50 ms' });
  });

  test('sends its headers byte by byte is given up in time', async () => {
    const url = await rawServer((socket) => {
      const timer = setInterval(() => socket.write('x'), 5);
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
      socket.on('close', () => clearInterval(timer));
    });
    const outcome = await senderTo(url, { timeoutMs: 200 }).send({}, '{}');
    expect(outcome).toMatchObject({ kind: 'failed', answer: 'no answer within 200 ms' });
  });

  test('answers without end is hung up on', async () => {
    let isOver = () => {};
    const over = new Promise<void>((resolve) => {
      isOver = resolve;
    });
    const url = await rawServer((socket) => {
      socket.on('close', isOver);
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        const chunk = `2000\r\n${'a'.repeat(0x2000)}\r\n`;
        const more = () => {
          while (!socket.destroyed && socket.write(chunk)) {}
          socket.once('drain', more);
        };
        more();
      });
    });
    expect(await senderTo(url).send({}, '{}')).toEqual({ kind: 'delivered', answer: 'HTTP 200' });
    await over;
  });

  test('lets its body trickle in does not keep the connection', async () => {
    const closed = Promise.withResolvers<void>();
    const url = await rawServer((socket) => {
      let timer: NodeJS.Timeout | undefined;
      socket.on('close', () => {
        clearInterval(timer);
        closed.resolve();
      });
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n');
        timer = setInterval(() => socket.write('x'), 5);
      });
    });
    expect(await senderTo(url, { timeoutMs: 5_000 }).send({}, '{}')).toMatchObject({ kind: 'delivered' });
    await closed.promise;
  });

  test('speaks something else than HTTP, hangs up or refuses connections is a failure', async () => {
    const garbage = await rawServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    const closed = await rawServer((socket) => socket.destroy());
    for (const url of [garbage, closed, 'http://127.0.0.1:9/'])
      expect(await senderTo(url).send({}, '{}')).toMatchObject({
        kind: 'failed',
        answer: expect.stringMatching(/^connection failed \(\w+\)$/),
      });
  });

  test('has a private address, directly or by name, is never connected to', async () => {
    const { url, received } = await startReceiver();
    const { port } = new URL(url);
    for (const host of ['127.0.0.1', 'localhost', '2130706433', '[::ffff:127.0.0.1]'])
      expect(await senderTo(`http://${host}:${port}/`, { allowed: [] }).send({}, '{}')).toMatchObject({
        kind: 'failed',
        answer: expect.stringMatching(/^not sent: the address is not public/),
      });
    expect(received).toEqual([]);
  });
});

test('a sender that is closed aborts its requests', async () => {
  const { url, received } = await startReceiver(() => {});
  const sender = senderTo(url);
  const outcome = sender.send({}, '{}');
  while (received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await sender.close();
  expect(await outcome).toEqual({ kind: 'aborted' });
});
