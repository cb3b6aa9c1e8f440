import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLoginThrottle, loginCaller, networkOf } from '../../src/api/login-throttle.ts';
import { type RunningService, startRunningService } from '../support/running-service.ts';

const minuteMs = 60_000;

describe('whoever guesses passwords', () => {
  const stranger = loginCaller('10.0.0.1', null);

  test('is answered later and later, but answered', () => {
    const throttle = createLoginThrottle();
    const delays = Array.from({ length: 12 }, (_, nth) => throttle.begin(stranger, nth));
    expect(delays).toEqual([0, 0, 0, 0, 0, 250, 500, 1_000, 2_000, 3_000, 3_000, 3_000]);
    expect(throttle.begin(loginCaller('10.0.0.2', null), 20)).toBe(0);
    expect(throttle.begin(stranger, minuteMs)).toBe(0);
  });

  test('gains nothing by guessing from many addresses, and slows down no browser that is known', () => {
    const throttle = createLoginThrottle();
    for (let nth = 0; nth < 20; nth += 1) throttle.begin(loginCaller(`10.0.0.${nth}`, null), nth);
    expect(throttle.begin(loginCaller('10.9.9.9', null), 100)).toBe(1_000);
    expect(throttle.begin(loginCaller('10.9.9.9', 'a-browser'), 100)).toBe(0);
  });

  test('does not count what was right', () => {
    const throttle = createLoginThrottle();
    for (let nth = 0; nth < 100; nth += 1) {
      expect(throttle.begin(stranger, nth)).toBe(0);
      throttle.succeeded(stranger);
    }
  });

  test('does not fill our memory', () => {
    const throttle = createLoginThrottle();
    for (let nth = 0; nth < 30_000; nth += 1) throttle.begin(`address:${nth}`, nth);
    // Forgotten in favour of newer ones.
    for (let nth = 0; nth < 5; nth += 1) throttle.begin('address:29999', 30_000);
    expect(throttle.begin('address:29999', 30_000)).toBeGreaterThan(0);
  });
});

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::10.0.0.1', '64:ff9b:0:0::/64'],
  ['unknown', 'unknown'],
])('the network of %s is %s', (address, network) => expect(networkOf(address)).toBe(network));

describe('behind a proxy', () => {
  const password = 'open sesame, please';
  let running: RunningService;
  beforeAll(async () => {
    const environment = { BOARD_PASSWORD: password, TRUSTED_PROXIES: 'loopback' };
    running = await startRunningService({ accounts: 'jenga', roles: ['api'], environment });
  });
  afterAll(() => running.close());

  const logIn = (given: string, headers: { [name: string]: string }) =>
    running.call('POST', '/login', {
      key: null,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams({ username: 'operator', password: given }).toString(),
    });

  test('sixty wrong guesses shut nobody out, and keep no known browser waiting', async () => {
    const origin = 'https://pay.example';
    const host = { host: 'pay.example', origin };
    const first = await logIn(password, { ...host, 'x-forwarded-for': '10.0.0.1' });
    const cookies = [first.headers['set-cookie'] ?? []].flat();
    expect(cookies.map((each) => each.split('=')[0])).toEqual([
      `__Host-payment-poller-${running.prefix}`,
      `__Host-payment-poller-device-${running.prefix}`,
    ]);
    for (const each of cookies) expect(each).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    const device = String(cookies[1]?.split(';')[0]);

    const guesses = Array.from({ length: 60 }, (_, nth) =>
      logIn('wrong', { 'x-forwarded-for': `2001:db8::${nth}` }),
    );
    // The same address as the guesses come from.
    const from = { 'x-forwarded-for': '2001:db8::ffff' };
    const startedAt = performance.now();
    expect((await logIn(password, { ...from, cookie: device })).status).toBe(303);
    const knownMs = performance.now() - startedAt;
    expect((await logIn(password, from)).status).toBe(303);
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    const guessedMs = performance.now() - startedAt;
    expect(new Set(statuses)).toEqual(new Set([401]));
    // All of them are one network: the last ones waited as long as anybody does.
    expect(guessedMs).toBeGreaterThan(2_900);
    expect(knownMs).toBeLessThan(guessedMs / 2);
  });
});
