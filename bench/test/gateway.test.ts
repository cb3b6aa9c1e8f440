/** The mock gateway of the benchmarks speaks Lipia's language: what it answers is read as pending, and as paid in full. */
import { expect, onTestFinished, test } from 'vitest';
import { createAsker } from '../../src/providers/ask.ts';
import { lipia } from '../../src/providers/lipia.ts';
import { createTransport } from '../../src/providers/transport.ts';
import { startGateway } from '../support/gateway.ts';

const reference = '65f2c1a4e7b3d80000000001';

test('every second answer is paid, with proof; arrivals are noted', async () => {
  const gateway = await startGateway({ finalEvery: 2, noted: reference.slice(0, 4) });
  const transport = createTransport({ timeoutMs: 5_000, maxBodyBytes: 10_000, connections: 1 });
  onTestFinished(async () => {
    await transport.close();
    gateway.close();
  });
  const url = `http://127.0.0.1:${gateway.port}`;
  const settings = { baseUrl: url, apiKey: 'test-api-key' };
  const asker = createAsker({ provider: lipia, settings, transport, tokens: null });
  const order = { reference, amountMinor: 10_000, currency: 'KES' };

  const startedAt = Date.now();
  expect(await asker.ask(order)).toMatchObject({ kind: 'pending' });
  expect(await asker.ask(order)).toMatchObject({ kind: 'paid', doubt: null, amountReceivedMinor: 10_000 });
  const read = async (path: string) => {
    const answer = await transport.send({ method: 'GET', url: `${url}/${path}`, headers: {} });
    if (!('body' in answer)) throw new Error(answer.reason);
    return JSON.parse(Buffer.from(answer.body).toString()) as unknown;
  };
  expect(await read('answered')).toEqual({ polls: 2, final: 1 });
  const arrivals = (await read('arrivals')) as { [reference: string]: number };
  expect(Object.keys(arrivals)).toEqual([reference]);
  expect(Math.abs((arrivals[reference] ?? 0) - startedAt)).toBeLessThan(5_000);
});
