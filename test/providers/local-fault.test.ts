import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { LocalFault, localFaultOf } from '../../src/providers/local-fault.ts';
import { createTransport } from '../../src/providers/transport.ts';
import { type Behaviour, startFakeGateway } from '../support/fake-gateway.ts';
import { eventually, until } from '../support/waiting.ts';

async function setup(timeoutMs: number, behaviour: Behaviour) {
  const gateway = await startFakeGateway(() => behaviour);
  const transport = createTransport({ timeoutMs, maxBodyBytes: 10_000, connections: 1 });
  onTestFinished(async () => {
    await transport.close();
    await gateway.close();
  });
  return { gateway, transport, send: () => transport.send({ url: gateway.url, method: 'GET', headers: {} }) };
}

test('a request that we give up ourselves is no answer of the provider', async () => {
  const { gateway, transport, send } = await setup(60_000, 'hang');
  const answer = send().catch((error: unknown) => error);
  await until('the request', () => gateway.requests.length === 1);
  await transport.close();
  expect(await answer).toBeInstanceOf(LocalFault);
  expect(await answer).toMatchObject({ isStopping: true });
  // Nor is one that is not sent any more.
  await expect(send()).rejects.toBeInstanceOf(LocalFault);
});

test('a time-out is ours when this process stood still', async () => {
  const { gateway, send } = await setup(800, 'hang');
  const answer = send().catch((error: unknown) => error);
  await until('the request', () => gateway.requests.length === 1);
  const standsUntil = performance.now() + 2_500;
  while (performance.now() < standsUntil);
  expect(await answer).toBeInstanceOf(LocalFault);
  // A next one is the provider's: another time-out is ours only while the machine is too busy.
  await eventually(async () => expect(await send()).toMatchObject({ fault: 'timeout' }));
});

test('a process without file descriptors has not asked', async () => {
  const { gateway } = await setup(1_000, { status: 200, body: '{}' });
  const child = fileURLToPath(new URL('../support/no-descriptors-child.ts', import.meta.url));
  const command = `ulimit -n 64; exec "$0" "$1" "$2"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, child, gateway.url]);
  expect(stdout).toMatch(/^LocalFault: .*EMFILE/);
  expect(gateway.requests).toHaveLength(0);
});

test.each([
  ['EMFILE', true],
  ['EAI_AGAIN', true],
  ['ENETUNREACH', true],
  ['ENOTFOUND', false],
  ['ECONNREFUSED', false],
  ['ECONNRESET', false],
  ['EHOSTUNREACH', false],
  ['UND_ERR_CONNECT_TIMEOUT', false],
])('%s is a fault on our side: %s', (code, isLocal) => {
  expect(localFaultOf(Object.assign(new Error('A fault.'), { code })) !== null).toBe(isLocal);
});
