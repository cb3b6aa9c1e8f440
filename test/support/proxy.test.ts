import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createProxy } from './proxy.ts';

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
  expect(await echo(before, 'b')).toBeNull();
  expect(await echo(during, 'c')).toBeNull();

  await proxy.turn('pass');
  expect(await echo(before, 'd')).toBeNull();
  expect(await echo(await open(proxy.port), 'e')).toBe('e');
  expect(before.destroyed).toBe(false);
});

test('a deaf proxy forwards requests but no replies', async () => {
  const { proxy, heard } = await startProxy();
  const before = await open(proxy.port);
  expect(await echo(before, 'a')).toBe('a');
  await proxy.turn('deaf');
  expect(await echo(before, 'b')).toBeNull();
  expect(heard()).toBe('ab');

  await proxy.turn('pass');
  expect(await echo(before, 'c')).toBeNull();
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

/** The reply, `null` if there is none in time. */
async function echo(socket: Socket, text: string): Promise<string | null> {
  socket.write(text);
  const silence = new Promise<null>((resolve) => setTimeout(() => resolve(null), 150));
  const heard = once(socket, 'data').then(([bytes]) => String(bytes));
  return Promise.race([heard, silence]);
}
