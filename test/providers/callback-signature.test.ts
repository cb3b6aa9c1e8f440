import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isRefused, type Push, type SignatureRules } from '../../src/providers/callback-rules.ts';
import { hmacSignature } from '../../src/providers/callback-signature.ts';
import { httpMessageSignature } from '../../src/providers/http-signature.ts';

const rawBody = Buffer.from('{"id":"1",  "status":"PAID"}');
const now = Date.UTC(2026, 0, 1);

function push(headers: Push['headers'], body: Uint8Array = rawBody): Push {
  return { method: 'POST', authority: 'Shop.example', target: '/callbacks/a/t', headers, rawBody: body };
}

describe('HMAC over the raw body', () => {
  const key = 'sample-key';
  describe.each(['sha256', 'sha512'] as const)('%s', (hash) => {
    test.each(['hex', 'base64'] as const)('in %s', (encoding) => {
      const rules = hmacSignature({ hash, encoding, given: 'x-signature', key: () => key });
      const check = (given: string | undefined, body = rawBody) =>
        rules.verify(push({ 'x-signature': given }, body), {}, {}, now);
      const good = createHmac(hash, key).update(rawBody).digest(encoding);
      expect(check(good)).toBe('valid');
      expect(check(undefined)).toBe('absent');
      expect(check('')).toBe('absent');
      expect(check(good, Buffer.from('{"id":"1","status":"PAID"}'))).toBe('wrong');
      const bad = [
        'x',
        good.slice(1),
        `${good}0`,
        createHmac(hash, 'other').update(rawBody).digest(encoding),
      ];
      for (const each of bad) expect(check(each)).toBe('wrong');
    });
  });

  test('without a key nothing can be verified, and whether that is enough is for the account to say', () => {
    const rules: SignatureRules = hmacSignature({
      ...{ hash: 'sha256', encoding: 'hex', given: 'x-signature', key: () => undefined },
      isRequired: (settings) => settings === 'strict',
    });
    expect(rules.verify(push({ 'x-signature': 'x' }), {}, {}, now)).toBe('unverifiable');
    const callback = {
      body: {} as never,
      aliases: () => [],
      signature: rules,
      reply: { contentType: '', body: '' },
    };
    expect(isRefused(callback, push({}), 'lenient', {}, now)).toBe(false);
    expect(isRefused(callback, push({}), 'strict', {}, now)).toBe(true);
  });
});

describe('HTTP message signatures (RFC 9421)', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const rules = httpMessageSignature({ publicKey: () => pem });
  const digest = `sha-512=:${createHash('sha512').update(rawBody).digest('base64')}:`;
  const parameters = `;alg="ecdsa-p256-sha256";keyid="k1";created=${now / 1_000};expires=${now / 1_000 + 60}`;

  function signed(components: readonly string[], more: object = {}, given = parameters): Push {
    const list = `(${components.map((name) => `"${name}"`).join(' ')})${given}`;
    const values: { [name: string]: string } = {
      '@method': 'POST',
      '@authority': 'shop.example',
      '@path': '/callbacks/a/t',
      'content-digest': digest,
      'content-type': 'application/json; charset=UTF-8',
    };
    const lines = components.map((name) => `"${name}": ${values[name]}`);
    const base = [...lines, `"@signature-params": ${list}`].join('\n');
    const signature = sign('sha256', Buffer.from(base), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return push({
      'content-digest': digest,
      'content-type': 'application/json; charset=UTF-8',
      'signature-input': `sig-pp=${list}`,
      signature: `sig-pp=:${signature.toString('base64')}:`,
      ...more,
    });
  }
  const all = ['@method', '@authority', '@path', 'content-digest', 'content-type'];
  const check = (given: Push, at = now) => rules.verify(given, {}, {}, at);

  test('a right one is valid', () => expect(check(signed(all))).toBe('valid'));

  test.each([
    ['of another body', { ...signed(all), rawBody: Buffer.from('{}') }],
    ['of another path', { ...signed(all), target: '/callbacks/b/t' }],
    ['of another method', { ...signed(all), method: 'PUT' }],
    ['with another header', signed(all, { 'content-type': 'text/plain' })],
    ['that does not cover the body', signed(['@method', '@path'])],
    ['without its input', signed(all, { 'signature-input': undefined })],
    ['without a digest', signed(all, { 'content-digest': undefined })],
    ['of garbage', signed(all, { signature: 'sig-pp=:AAAA:' })],
  ])('one %s is wrong', (_name, given) => expect(check(given)).toBe('wrong'));

  test('one that has run out is wrong, and none is absent', () => {
    expect(check(signed(all), now + 120_000)).toBe('wrong');
    expect(check(push({}))).toBe('absent');
  });

  test('an unusable key makes it wrong and throws nothing', () => {
    expect(httpMessageSignature({ publicKey: () => 'no key' }).verify(signed(all), {}, {}, now)).toBe(
      'wrong',
    );
    expect(httpMessageSignature({ publicKey: () => undefined }).verify(signed(all), {}, {}, now)).toBe(
      'unverifiable',
    );
  });
});
