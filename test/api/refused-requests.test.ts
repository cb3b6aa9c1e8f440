import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type RunningService, startRunningService, testApiKey } from '../support/running-service.ts';

// What somebody may send whom nobody let in, on one connection.

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({ accounts: 'jenga', roles: ['api'] });
});
afterAll(() => running.close());

const refused = 'GET /v1/orders/x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer nonsense\r\n\r\n';
const unknownOrder = `GET /v1/orders/x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testApiKey}\r\n\r\n`;
const alive = 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n';

/** One connection, and the statuses that it has got so far. */
function openConnection(url: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const statuses: number[] = [];
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    for (const [, status] of String(bytes).matchAll(/HTTP\/1\.1 (\d{3})/g)) statuses.push(Number(status));
  });
  const closed = once(socket, 'close');
  return {
    statuses,
    closed,
    /** Sends requests one after the other, each once the last one was answered. */
    async inTurn(text: string, times: number) {
      for (let nth = 0; nth < times; nth += 1) {
        socket.write(text);
        await once(socket, 'data');
      }
    },
    atOnce: (text: string, times: number) => void socket.write(text.repeat(times)),
  };
}

test('a connection that floods with what is refused is closed; another one is served meanwhile', async () => {
  const flood = openConnection(running.url);
  const honest = openConnection(running.url);
  await honest.inTurn(alive, 1);
  flood.atOnce(refused, 400);
  await flood.closed;
  await honest.inTurn(alive, 3);
  expect(honest.statuses).toEqual([200, 200, 200, 200]);
  // The end of the connection may overtake its last answers.
  expect(flood.statuses.length).toBeLessThan(20);
  expect(flood.statuses.filter((status) => status !== 401 && status !== 429)).toEqual([]);
});

test('one that sends what is refused one after the other is closed a little later', async () => {
  const guesser = openConnection(running.url);
  await Promise.race([guesser.closed, guesser.inTurn(refused, 2_000)]);
  expect(guesser.statuses.length).toBeLessThan(2_000);
  expect(guesser.statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(30);
});

test('a client with a key may ask for what is not there as often as the key allows', async () => {
  const client = openConnection(running.url);
  await client.inTurn(unknownOrder, 150);
  expect(client.statuses).toEqual(Array(150).fill(404));
});

test('what needs no key does not count as refused', async () => {
  const client = openConnection(running.url);
  await client.inTurn(alive, 150);
  expect(client.statuses).toEqual(Array(150).fill(200));
});

test('a trusted proxy carries the requests of many, and is not limited', async () => {
  const behind = await startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    environment: { TRUSTED_PROXIES: '127.0.0.1' },
  });
  onTestFinished(() => behind.close());
  const proxy = openConnection(behind.url);
  await proxy.inTurn(refused, 150);
  expect(proxy.statuses).toEqual(Array(150).fill(401));
});
