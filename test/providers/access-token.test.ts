import { expect, onTestFinished, test } from 'vitest';
import { createAccessTokens } from '../../src/providers/access-token.ts';
import { oauthGrant } from '../../src/providers/oauth.ts';
import { createTransport } from '../../src/providers/transport.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { type Behaviour, startFakeGateway } from '../support/fake-gateway.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();
const limits = { timeoutMs: 1_000, maxBodyBytes: 10_000, connections: 2 };
const hour = { defaultLifetimeMs: 3_600_000, maxLifetimeMs: 3_600_000 };

/** A login that behaves as told, and processes that share its token through Redis. */
async function setup(login: (nth: number) => Behaviour) {
  const gateway = await startFakeGateway((_request, nth) => login(nth));
  const transport = createTransport(limits);
  onTestFinished(async () => {
    await transport.close();
    await gateway.close();
  });
  const key = createKeys(testPrefix()).token('daraja');
  const auth = {
    ...hour,
    request: ({ password }: { readonly [name: string]: unknown }) => ({
      method: 'POST' as const,
      url: `${gateway.url}/login`,
      body: String(password),
    }),
    grant: oauthGrant,
  };
  return {
    key,
    logins: () => gateway.requests.length,
    process: (password = 'first') =>
      createAccessTokens({ redis, key, auth, settings: { password }, transport }),
  };
}

const granted = (nth: number): Behaviour => ({
  status: 200,
  body: { access_token: `T${nth}`, expires_in: 3600 },
});
const throttled: Behaviour = { status: 429, headers: { 'retry-after': '60' }, body: {} };

/** How long no process logs in, in ms. */
async function restMs(key: string): Promise<number> {
  const [failure = ''] = await redis.keys(`${key}:failure:*`);
  return redis.pttl(failure);
}

test('a failed login is not repeated while the rejected token is still known, by any process', async () => {
  const { logins, process } = await setup((nth) => (nth === 1 ? granted(1) : throttled));
  const [one, other] = [process(), process()];
  expect(await one.current()).toEqual({ token: 'T1' });
  expect(await other.current()).toEqual({ token: 'T1' });
  for (let poll = 0; poll < 5; poll++) {
    expect(await one.renew('T1')).toMatchObject({ token: null, throttled: true });
    expect(await other.renew('T1')).toMatchObject({ token: null, throttled: true });
  }
  expect(logins()).toBe(2);
});

test('nobody asks with a token that was rejected, though the login that should replace it failed', async () => {
  const { process } = await setup((nth) => (nth === 1 ? granted(1) : throttled));
  const [one, other] = [process(), process()];
  await one.current();
  await one.renew('T1');
  expect(await one.current()).toMatchObject({ token: null });
  expect(await other.current()).toMatchObject({ token: null });
});

test('a login rests for as long as the provider asks, and twice as long after each failure in a row', async () => {
  const asked = await setup(() => throttled);
  await asked.process().current();
  expect(await restMs(asked.key)).toBeGreaterThan(55_000);

  const { key, logins, process } = await setup((nth) => (nth < 4 ? { status: 503, body: {} } : granted(nth)));
  for (const expected of [5_000, 10_000, 20_000]) {
    await process().current();
    const rest = await restMs(key);
    expect(rest).toBeGreaterThan(expected * 0.8);
    expect(rest).toBeLessThanOrEqual(expected);
    await redis.del(await redis.keys(`${key}:failure:*`));
  }
  expect(await process().current()).toEqual({ token: 'T4' });
  expect(await redis.keys(`${key}:failures:*`)).toEqual([]);
  expect(logins()).toBe(4);
});

test('a failure belongs to the credentials that failed: others log in at once', async () => {
  const { process } = await setup((nth) => (nth === 1 ? { status: 400, body: '' } : granted(nth)));
  expect(await process('wrong').current()).toMatchObject({ token: null, refused: true });
  expect(await process('right').current()).toEqual({ token: 'T2' });
  expect(await process('wrong').current()).toMatchObject({ token: null, refused: true });
});

test('who renews while an earlier look is under way does not get the rejected token back', async () => {
  const { process } = await setup(granted);
  await process().current();
  const one = process();
  const look = one.current();
  expect(await one.renew('T1')).toEqual({ token: 'T2' });
  await look;
});
