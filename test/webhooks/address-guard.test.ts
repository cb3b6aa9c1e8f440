import type { lookup } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { createAddressGuard } from '../../src/webhooks/address-guard.ts';

const https = (host: string) => new URL(`https://${host}/hook`);
const refusal = (host: string, allowed: readonly string[] = []) =>
  createAddressGuard(allowed).refusalOfHost(https(host));

describe('an address in a URL', () => {
  test.each([
    ...['127.0.0.1', '127.1', '2130706433', '0x7f.0.0.1', '0177.0.0.1', '017700000001', '①②⑦.0.0.1'],
    ...['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
    ...['0.0.0.0', '224.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1'],
    ...['[::]', '[::1]', '[::127.0.0.1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:a00:1]'],
    ...['[fe80::1]', '[fc00::1]', '[fd12::1]', '[ff02::1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]'],
    ...['[2001::1]', '[2001:db8::1]', '[fec0::1]', '[::ffff:0:127.0.0.1]'],
  ])('%s is refused', (host) => {
    expect(refusal(host)).toMatch(/not public; add it to WEBHOOK_ALLOWED_ADDRESSES/);
  });

  test.each(['8.8.8.8', '172.32.0.1', '[2a00:1450:4001:800::200e]', '[::ffff:8.8.8.8]'])(
    '%s is accepted',
    (host) => {
      expect(refusal(host)).toBeNull();
    },
  );

  test('may be allowed though private, by a block or a word', () => {
    expect(refusal('10.1.2.3', ['10.1.0.0/16'])).toBeNull();
    expect(refusal('[::ffff:10.1.2.3]', ['10.1.0.0/16'])).toBeNull();
    expect(refusal('10.2.2.3', ['10.1.0.0/16'])).not.toBeNull();
    expect(refusal('127.0.0.1', ['loopback'])).toBeNull();
  });

  test('is used without TLS only if it is allowed', () => {
    const plain = (host: string, allowed: readonly string[]) =>
      createAddressGuard(allowed).refusalOfHost(new URL(`http://${host}/`));
    expect(plain('8.8.8.8', [])).toMatch(/use https/);
    expect(plain('10.0.0.1', ['10.0.0.1'])).toBeNull();
  });

  test('is left to the resolver if it is a name', () => {
    expect(refusal('localhost')).toBeNull();
  });
});

describe('a name', () => {
  interface Found {
    readonly address: string;
    readonly family: number;
  }

  /** What is connected to when a name server answers with these addresses, one answer per lookup. */
  function resolver(...answers: readonly (readonly string[])[]) {
    let asked = 0;
    const resolve = ((_name: string, _options: unknown, done: (error: null, found: Found[]) => void) => {
      const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
      asked += 1;
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    }) as unknown as typeof lookup;
    const find = createAddressGuard(['10.0.0.1'], resolve).lookupFor(https('shop.example'));
    return (all: boolean) =>
      new Promise((done) => {
        find('shop.example', { all }, (error, address) => done(error?.message ?? address));
      });
  }

  test('that resolves to a private address is not connected to', async () => {
    for (const address of ['127.0.0.1', '169.254.169.254', '::1', '::ffff:192.168.0.1', 'fe80::1%eth0']) {
      expect(await resolver([address])(true)).toMatch(/not public/);
      expect(await resolver([address])(false)).toMatch(/not public/);
    }
  });

  test('that resolves to both is connected to at its public address only', async () => {
    const find = resolver(['127.0.0.1', '8.8.8.8', '::1']);
    expect(await find(true)).toEqual([{ address: '8.8.8.8', family: 4 }]);
    expect(await find(false)).toBe('8.8.8.8');
  });

  test('is checked at every connection: a name server may change its answer', async () => {
    const find = resolver(['8.8.8.8'], ['127.0.0.1']);
    expect(await find(false)).toBe('8.8.8.8');
    expect(await find(false)).toMatch(/not public/);
  });

  test('that resolves to an allowed address is connected to', async () => {
    expect(await resolver(['10.0.0.1'])(false)).toBe('10.0.0.1');
  });

  test('is looked up once at a time, so that a name server that hangs occupies one thread', () => {
    let asked = 0;
    const hanging = (() => {
      asked += 1;
    }) as unknown as typeof lookup;
    const find = createAddressGuard([], hanging).lookupFor(https('shop.example'));
    for (let nth = 0; nth < 10; nth += 1) find('shop.example', { all: true }, () => {});
    expect(asked).toBe(1);
  });

  test('without an address is an error', async () => {
    expect(await resolver([])(true)).toBe('the name has no address');
  });
});
