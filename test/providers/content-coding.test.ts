import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { createAsker } from '../../src/providers/ask.ts';
import { decodeBody } from '../../src/providers/content-coding.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { createTransport } from '../../src/providers/transport.ts';
import { vexora } from '../../src/providers/vexora.ts';
import { type Behaviour, startFakeGateway } from '../support/fake-gateway.ts';
import { vexoraFixtures } from './fixtures/vexora.ts';

const text = JSON.stringify(vexoraFixtures.paid);
const codings: readonly (readonly [header: string, body: Buffer])[] = [
  ['gzip', gzipSync(text)],
  ['GZip', gzipSync(text)],
  ['x-gzip', gzipSync(text)],
  ['deflate', deflateSync(text)],
  ['deflate', deflateRawSync(text)],
  ['br', brotliCompressSync(text)],
  ['zstd', zstdCompressSync(text)],
  ['identity', Buffer.from(text)],
  ['gzip, br', brotliCompressSync(gzipSync(text))],
  ['deflate,identity', deflateSync(text)],
];
const undecodable: readonly (readonly [name: string, header: string, body: Buffer])[] = [
  ['an unknown coding', 'compress', Buffer.from(text)],
  ['a coding that it does not have', 'gzip', Buffer.from(text)],
  ['a stream cut short', 'gzip', gzipSync(text).subarray(0, -9)],
  ['a bomb', 'gzip', gzipSync(Buffer.alloc(50_000_000, ' '))],
  ['a bomb in a bomb', 'gzip, gzip', gzipSync(gzipSync(Buffer.alloc(50_000_000, ' ')))],
  ['a bomb of zstd', 'zstd', zstdCompressSync(Buffer.alloc(50_000_000, ' '))],
  ['a bomb of brotli', 'br', brotliCompressSync(Buffer.alloc(5_000_000, ' '))],
  ['more layers than anybody needs', 'gzip, gzip, gzip, gzip', Buffer.from(text)],
];

const limit = 20_000;
const toClose: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function ask(behaviour: Behaviour) {
  const gateway = await startFakeGateway(() => behaviour);
  const transport = createTransport({ timeoutMs: 30_000, maxBodyBytes: limit, connections: 1 });
  toClose.push(
    () => gateway.close(),
    () => transport.close(),
  );
  const settings = vexora.settings.parse({ ...vexoraFixtures.settings, baseUrl: gateway.url });
  const asker = createAsker({ provider: vexora as unknown as Provider, settings, transport, tokens: null });
  const reading = await asker.ask(vexoraFixtures.order);
  return { reading, request: gateway.requests[0] };
}

describe('an answer that is compressed though nobody asked', () => {
  test.each(codings)('%s is read', async (header, body) => {
    const { reading, request } = await ask({ status: 200, headers: { 'content-encoding': header }, body });
    expect(reading).toMatchObject({ kind: 'paid', doubt: null });
    expect(request?.headers['accept-encoding']).toBe('identity');
  });

  test.each(undecodable)('%s is unavailable', async (_name, header, body) => {
    const { reading } = await ask({ status: 200, headers: { 'content-encoding': header }, body });
    expect(reading).toMatchObject({ kind: 'unavailable', httpStatus: 200 });
  });

  test('an error that cannot be decoded is still that error', async () => {
    const headers = { 'content-encoding': 'gzip', 'retry-after': '7' };
    const { reading } = await ask({ status: 429, headers, body: 'slow down' });
    expect(reading).toMatchObject({ kind: 'unavailable', throttled: true, retryAfterMs: 7_000 });
  });
});

test('the limit counts decoded bytes, to the byte', () => {
  for (const body of [gzipSync, brotliCompressSync, zstdCompressSync, deflateSync].map((compress, index) => ({
    header: ['gzip', 'br', 'zstd', 'deflate'][index],
    bytes: compress(Buffer.alloc(limit, 'x')),
  }))) {
    expect(decodeBody(body.header, body.bytes, limit)).toHaveLength(limit);
    expect(decodeBody(body.header, body.bytes, limit - 1)).toMatchObject({ fault: 'too-large' });
  }
});
