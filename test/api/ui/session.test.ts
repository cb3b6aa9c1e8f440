import { describe, expect, test } from 'vitest';
import { createSessions, isFromOurPages } from '../../../src/api/ui/session.ts';
import { testPrefix, testRedis } from '../../support/redis.ts';

const hourMs = 3_600_000;

const ada = 'ada@example.com';

function someSessions(prefix = testPrefix(), password = 'correct horse battery', more = {}) {
  const credentials = new Map(
    Object.entries({ [ada]: password, bob: 'of bob', constructor: 'odd', ...more }),
  );
  const credentialOf = (user: string) => credentials.get(user) ?? null;
  return createSessions({ redis: testRedis(), prefix, credentialOf, lifeMs: hourMs });
}

describe('a session', () => {
  test('is accepted by every process of a deployment, for its time', async () => {
    const prefix = testPrefix();
    const now = Date.now();
    const { cookie, maxAgeMs } = await someSessions(prefix).begin(ada, now);
    const elsewhere = someSessions(prefix);
    expect(maxAgeMs).toBe(hourMs);
    expect(await elsewhere.userOf(cookie, now + hourMs - 1)).toBe(ada);
    expect(await elsewhere.userOf(cookie, now + hourMs)).toBeNull();
  });

  test('begun by two processes at once rests on one secret', async () => {
    const prefix = testPrefix();
    const now = Date.now();
    const begun = await Promise.all([1, 2, 3, 4].map(() => someSessions(prefix).begin(ada, now)));
    const reader = someSessions(prefix);
    for (const { cookie } of begun) expect(await reader.userOf(cookie, now)).toBe(ada);
  });

  test('ends with a new password, in another deployment, and when its owner logs out', async () => {
    const prefix = testPrefix();
    const now = Date.now();
    const sessions = someSessions(prefix);
    const { cookie } = await sessions.begin(ada, now);
    const other = await sessions.begin(ada, now);
    const elsewhere = someSessions();
    await elsewhere.begin(ada, now);
    expect(await someSessions(prefix, 'another password').userOf(cookie, now)).toBeNull();
    expect(await elsewhere.userOf(cookie, now)).toBeNull();
    await sessions.end(cookie, now);
    expect(await someSessions(prefix).userOf(cookie, now)).toBeNull();
    expect(await sessions.userOf(other.cookie, now)).toBe(ada);
  });

  test('cannot be made up, lengthened or bent', async () => {
    const sessions = someSessions();
    const now = Date.now();
    const { cookie } = await sessions.begin(ada, now);
    const [id, until, name, signature = ''] = cookie.split('.');
    const bob = Buffer.from('bob').toString('base64url');
    const itsOwn = await sessions.begin('bob', now);
    const bent = [
      undefined,
      '',
      'x',
      `${id}.${until}.${name}.${'0'.repeat(64)}`,
      `${id}.${Number(until) + 1}.${name}.${signature}`,
      `${id?.replace(/^./, (first) => (first === '0' ? '1' : '0'))}.${until}.${name}.${signature}`,
      `${id}.${until}.${name}.${signature.slice(2)}`,
      `${cookie}0`,
      `${id}.99999999999999999999.${name}.${signature}`,
      `${id}.${until}.${signature}`,
      `${id}.${until}.${bob}.${signature}`,
      `${id}.${until}.${name}.${itsOwn.cookie.split('.')[3]}`,
      `${id}.${until}.${Buffer.from('nobody').toString('base64url')}.${signature}`,
      `${id}.${until}.${Buffer.from('__proto__').toString('base64url')}.${signature}`,
      `${id}.${until}..${signature}`,
    ];
    for (const attempt of bent) expect(await sessions.userOf(attempt, now), String(attempt)).toBeNull();
    await sessions.end(`${id}.${until}.${name}.${'0'.repeat(64)}`, now);
    expect(await sessions.userOf(cookie, now)).toBe(ada);
  });

  test('belongs to its user: another password or another name ends it, those of others do not', async () => {
    const prefix = testPrefix();
    const now = Date.now();
    const ofAda = await someSessions(prefix).begin(ada, now);
    const ofBob = await someSessions(prefix).begin('bob', now);
    const changed = someSessions(prefix, 'another password');
    expect(await changed.userOf(ofAda.cookie, now)).toBeNull();
    expect(await changed.userOf(ofBob.cookie, now)).toBe('bob');
    // The same password for both: the cookie of one is still not that of the other.
    const equal = someSessions(prefix, 'correct horse battery', { bob: 'correct horse battery' });
    const [id, until, , signature] = ofAda.cookie.split('.');
    const asBob = [id, until, Buffer.from('bob').toString('base64url'), signature].join('.');
    expect(await equal.userOf(ofAda.cookie, now)).toBe(ada);
    expect(await equal.userOf(asBob, now)).toBeNull();
    await expect(equal.begin('nobody', now)).rejects.toThrow('Only users with a password');
  });

  test('of a name that means something to JavaScript is one like any other', async () => {
    const sessions = someSessions();
    const now = Date.now();
    expect(await sessions.userOf((await sessions.begin('constructor', now)).cookie, now)).toBe('constructor');
    await expect(sessions.begin('toString', now)).rejects.toThrow();
  });

  test('leaves nothing in Redis that lets anybody in', async () => {
    const prefix = testPrefix();
    const redis = testRedis();
    const { cookie } = await someSessions(prefix).begin(ada, Date.now());
    const keys = await redis.keys(`*${prefix}*`);
    const values = await Promise.all(keys.map((key) => redis.get(key)));
    expect(values.join()).not.toContain('horse');
    expect(values.join()).not.toContain(cookie.split('.')[3]);
  });
});

describe('a browser that has logged in', () => {
  test('is known again by a cookie that is no session, and that nobody can make up', async () => {
    const prefix = testPrefix();
    const now = Date.now();
    const sessions = someSessions(prefix);
    const { cookie } = await sessions.beginDevice(ada, now);
    expect(await someSessions(prefix).deviceOf(cookie, now)).toMatchObject({
      id: cookie.split('.')[0],
      user: ada,
    });
    expect(await sessions.userOf(cookie, now)).toBeNull();
    const session = await sessions.begin(ada, now);
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
