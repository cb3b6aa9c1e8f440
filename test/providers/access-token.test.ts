import { expect, onTestFinished, test } from 'vitest';
import { createAccessTokens } from '../../src/providers/access-token.ts';
import { airtelMoney } from '../../src/providers/airtel-money.ts';
import { type Asker, createAsker } from '../../src/providers/ask.ts';
import { oauthGrant } from '../../src/providers/oauth.ts';
import { createTransport } from '../../src/providers/transport.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { type Behaviour, startFakeGateway } from '../support/fake-gateway.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { eventually } from '../support/waiting.ts';

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

/** Keeps the rest after a rejected renewal from ending, once `begin` has begun it: a busy machine may take longer. */
async function holdRest(key: string, begin: () => Promise<unknown>): Promise<string> {
  return await eventually(async () => {
    await begin();
    const [rest = ''] = await redis.keys(`${key}:rejected:*`);
    expect(await redis.persist(rest)).toBe(1);
    return rest;
  });
}

test('after a renewed token was rejected too, no process replaces it for a while; others go on with it', async () => {
  const { key, logins, process } = await setup(granted);
  const [one, other] = [process(), process()];
  await one.current();
  expect(await one.renew('T1')).toEqual({ token: 'T2' });
  const rest = await holdRest(key, () => one.rejectedAgain());
  for (let poll = 0; poll < 5; poll++) {
    // A look that runs beside a renewal gets the token all the same.
    const both = await Promise.all([one.renew('T2'), one.current()]);
    expect(both).toEqual([{ token: 'T2' }, { token: 'T2' }]);
    expect(await other.renew('T2')).toEqual({ token: 'T2' });
  }
  expect(await other.renew('T1')).toEqual({ token: 'T2' });
  expect(logins()).toBe(2);
  // Never prolonged, however many orders are refused.
  await other.rejectedAgain();
  expect(await redis.pttl(rest)).toBe(-1);
  await redis.del(rest);
  expect(await other.renew('T2')).toEqual({ token: 'T3' });
});

test.each(['a new one', 'the same one'])(
  'orders that are always refused cause no storm of logins, whose token is %s',
  async (granting) => {
    const url = '/auth/oauth2/token';
    const isNew = granting === 'a new one';
    const paid = {
      data: { transaction: { id: 'good', status: 'TS', airtel_money_id: 'MP210603.1234.L06941' } },
    };
    const gateway = await startFakeGateway((request, nth) => {
      if (request.url === url) return granted(isNew ? nth : 1);
      return request.url.endsWith('/good') ? { status: 200, body: paid } : { status: 401, body: '' };
    });
    const transport = createTransport({ ...limits, timeoutMs: 30_000 });
    onTestFinished(async () => {
      await transport.close();
      await gateway.close();
    });
    const { auth } = airtelMoney;
    const settings = airtelMoney.settings.parse({
      baseUrl: gateway.url,
      clientId: 'a',
      clientSecret: 'secret',
    });
    const key = createKeys(testPrefix()).token('airtel-money');
    const [one, other] = [1, 2].map(() => {
      const tokens = createAccessTokens({ redis, key, auth, settings, transport });
      return createAsker({ provider: airtelMoney, settings, transport, tokens });
    }) as [Asker, Asker];
    const ask = (asker: Asker, reference: string) =>
      asker.ask({ reference, amountMinor: 10_000, currency: 'KES' });
    const refused = { kind: 'refused', credentials: true };

    await holdRest(key, async () => expect(await ask(one, 'bad')).toMatchObject(refused));
    const logins = () => gateway.requests.filter((request) => request.url === url).length;
    const [before, sent] = [logins(), gateway.requests.length];
    for (const asker of [one, other, one, other]) {
      expect(await ask(asker, 'bad')).toMatchObject(refused);
      expect(await ask(asker, 'good')).toMatchObject({ kind: 'paid', doubt: null });
    }
    expect(logins()).toBe(before);
    // Each was asked once.
    expect(gateway.requests.length - sent).toBe(8);
  },
);

test('a request takes its turn after its access token came, and another one when it is repeated', async () => {
  const steps: string[] = [];
  const gateway = await startFakeGateway((request, nth) => {
    const isLogin = request.url === '/auth/oauth2/token';
    steps.push(isLogin ? 'login' : 'status');
    if (isLogin) return { status: 200, body: { access_token: `T${nth}`, expires_in: 3600 } };
    return { status: 401, body: '' };
  });
  const transport = createTransport({ ...limits, timeoutMs: 60_000 });
  onTestFinished(async () => {
    await transport.close();
    await gateway.close();
  });
  const settings = airtelMoney.settings.parse({
    baseUrl: gateway.url,
    clientId: 'a',
    clientSecret: 'secret',
  });
  const key = createKeys(testPrefix()).token('airtel-money');
  const { auth } = airtelMoney;
  const tokens = createAccessTokens({ redis, key, auth, settings, transport });
  const pacer = {
    turn: async () => void steps.push('turn'),
    close() {},
  };
  const asker = createAsker({ provider: airtelMoney, settings, transport, tokens, pacer });
  await asker.ask({ reference: 'a', amountMinor: 10_000, currency: 'KES' });
  expect(steps).toEqual(['login', 'turn', 'status', 'login', 'turn', 'status']);
});
