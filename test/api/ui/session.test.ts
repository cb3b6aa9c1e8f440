import { describe, expect, test } from 'vitest';
import { createSessions, isFromOurPages } from '../../../src/api/ui/session.ts';
import { testPrefix, testRedis } from '../../support/redis.ts';

const hourMs = 3_600_000;

function someSessions(prefix = testPrefix(), password = 'correct horse battery') {
  return createSessions({ redis: testRedis(), prefix, password, lifeMs: hourMs });
}

describe('a session', () => {
  test('is accepted by every process of a deployment, for its time', async () => {
    const prefix = testPrefix();
    const now = Date.now();
    const { cookie, maxAgeMs } = await someSessions(prefix).begin(now);
    const elsewhere = someSessions(prefix);
    expect(maxAgeMs).toBe(hourMs);
    expect(await elsewhere.isValid(cookie, now + hourMs - 1)).toBe(true);
    expect(await elsewhere.isValid(cookie, now + hourMs)).toBe(false);
  });

  test('begun by two processes at once rests on one secret', async () => {
    const prefix = testPrefix();
    const now = Date.now();
    const begun = await Promise.all([1, 2, 3, 4].map(() => someSessions(prefix).begin(now)));
    const reader = someSessions(prefix);
    for (const { cookie } of begun) expect(await reader.isValid(cookie, now)).toBe(true);
  });

  test('ends with a new password, in another deployment, and when its owner logs out', async () => {
    const prefix = testPrefix();
    const now = Date.now();
    const sessions = someSessions(prefix);
    const { cookie } = await sessions.begin(now);
    const other = await sessions.begin(now);
    const elsewhere = someSessions();
    await elsewhere.begin(now);
    expect(await someSessions(prefix, 'another password').isValid(cookie, now)).toBe(false);
    expect(await elsewhere.isValid(cookie, now)).toBe(false);
    await sessions.end(cookie, now);
    expect(await someSessions(prefix).isValid(cookie, now)).toBe(false);
    expect(await sessions.isValid(other.cookie, now)).toBe(true);
  });

  test('cannot be made up, lengthened or bent', async () => {
    const sessions = someSessions();
    const now = Date.now();
    const { cookie } = await sessions.begin(now);
    const [id, until, signature = ''] = cookie.split('.');
    const bent = [
      undefined,
      '',
      'x',
      `${id}.${until}.${'0'.repeat(64)}`,
      `${id}.${Number(until) + 1}.${signature}`,
      `${id?.replace(/^./, (first) => (first === '0' ? '1' : '0'))}.${until}.${signature}`,
      `${id}.${until}.${signature.slice(2)}`,
      `${cookie}0`,
      `${id}.99999999999999999999.${signature}`,
    ];
    for (const attempt of bent) expect(await sessions.isValid(attempt, now), String(attempt)).toBe(false);
    await sessions.end(`${id}.${until}.${'0'.repeat(64)}`, now);
    expect(await sessions.isValid(cookie, now)).toBe(true);
  });

  test('leaves nothing in Redis that opens the door', async () => {
    const prefix = testPrefix();
    const redis = testRedis();
    const { cookie } = await someSessions(prefix).begin(Date.now());
    const keys = await redis.keys(`*${prefix}*`);
    const values = await Promise.all(keys.map((key) => redis.get(key)));
    expect(values.join()).not.toContain('horse');
    expect(values.join()).not.toContain(cookie.split('.')[2]);
  });
});

describe('a browser that has logged in', () => {
  test('is known again by a cookie that is no session, and that nobody can make up', async () => {
    const prefix = testPrefix();
    const now = Date.now();
    const sessions = someSessions(prefix);
    const { cookie } = await sessions.beginDevice(now);
    expect(await someSessions(prefix).deviceOf(cookie, now)).toBe(cookie.split('.')[0]);
    expect(await sessions.isValid(cookie, now)).toBe(false);
    const session = await sessions.begin(now);
    expect(await sessions.deviceOf(session.cookie, now)).toBeNull();
    expect(await sessions.deviceOf(`${cookie.slice(0, -1)}x`, now)).toBeNull();
    expect(await someSessions(prefix, 'another password').deviceOf(cookie, now)).toBeNull();
    expect(await sessions.deviceOf(cookie, now + 181 * 24 * hourMs)).toBeNull();
  });
});

describe('a request that changes something', () => {
  const host = 'pay.example:8443';
  test.each([
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://pay.example:8443' }, true],
    // A proxy that rewrites Host does not shut people out: browsers let no page write this header.
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://outside.example' }, true],
    [{ 'sec-fetch-site': 'same-site', origin: 'https://pay.example:8443' }, false],
    [{ 'sec-fetch-site': 'cross-site' }, false],
    [{ 'sec-fetch-site': 'none' }, false],
    [{ origin: 'https://pay.example:8443' }, true],
    [{ origin: 'https://pay.example' }, false],
    [{ origin: 'https://pay.example.evil:8443' }, false],
    [{ origin: 'null' }, false],
    [{ origin: '' }, false],
    [{}, true],
  ])('with %j comes from our pages: %j', (headers, expected) => {
    expect(isFromOurPages({ headers, host })).toBe(expected);
  });
});
