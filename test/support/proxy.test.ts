import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createProxy } from './proxy.ts';
import { until } from './waiting.ts';

test('a proxy forwards, refuses, and forwards again afterwards', async () => {
  const { proxy } = await startProxy();
  const first = await open(proxy.port);
  expect(await echo(first, 'a')).toBe('a');

  const broken = new Promise((resolve) => first.once('close', resolve));
  await proxy.turn('refuse');
  await broken;
  await expect(open(proxy.port)).rejects.toThrow('ECONNREFUSED');

  await proxy.turn('pass');
  expect(await echo(await open(proxy.port), 'b')).toBe('b');
});

test('a half-open proxy keeps connections open and forwards nothing; these stay silent afterwards', async () => {
  const { proxy } = await startProxy();
  const before = await open(proxy.port);
  expect(await echo(before, 'a')).toBe('a');
  await proxy.turn('half-open');
  const during = await open(proxy.port);
  expect(await isSilent(before, 'b')).toBe(true);
  expect(await isSilent(during, 'c')).toBe(true);

  await proxy.turn('pass');
  expect(await isSilent(before, 'd')).toBe(true);
  expect(await echo(await open(proxy.port), 'e')).toBe('e');
  expect(before.destroyed).toBe(false);
});

test('a deaf proxy forwards requests but no replies', async () => {
  const { proxy, heard } = await startProxy();
  const before = await open(proxy.port);
  expect(await echo(before, 'a')).toBe('a');
  await proxy.turn('deaf');
  expect(await isSilent(before, 'b')).toBe(true);
  await until('the request to be forwarded', () => heard() === 'ab');

  await proxy.turn('pass');
  expect(await isSilent(before, 'c')).toBe(true);
  expect(await echo(await open(proxy.port), 'd')).toBe('d');
});

/** A proxy in front of an echo server. */
async function startProxy() {
  const sockets = new Set<Socket>();
  let heard = '';
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.on('data', (said) => {
      heard += said;
    });
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await createProxy((server.address() as AddressInfo).port);
  onTestFinished(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    await once(server.close(), 'close');
  });
  return { proxy, heard: () => heard };
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  onTestFinished(() => {
    socket.destroy();
  });
  return socket.on('error', () => {});
}

/** The reply. */
async function echo(socket: Socket, text: string): Promise<string> {
  const reply = once(socket, 'data');
  socket.write(text);
  return String((await reply)[0]);
}

/** Sends a text; whether there is no reply for a while. */
async function isSilent(socket: Socket, text: string): Promise<boolean> {
  const reply = once(socket, 'data').then(() => false);
  socket.write(text);
  return Promise.race([reply, delay(150, true)]);
}
