import { afterEach, describe, expect, test } from 'vitest';
import { createAccessTokens } from '../../src/providers/access-token.ts';
import { type Asker, createAsker } from '../../src/providers/ask.ts';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { createTransport, type TransportLimits } from '../../src/providers/transport.ts';
import type { Redis } from '../../src/redis/connection.ts';
import {
  type Behaviour,
  type FakeGateway,
  misbehaviours,
  type ReceivedRequest,
  startFakeGateway,
} from '../support/fake-gateway.ts';
import type { ProviderFixtures } from '../support/provider-fixtures.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { until } from '../support/waiting.ts';
import { fixturesOf } from './fixtures/index.ts';

/** For gateways that answer: only a busy machine makes them slow. */
const patient: TransportLimits = { timeoutMs: 30_000, maxBodyBytes: 20_000, connections: 2 };
/** For gateways that misbehave. */
const impatient: TransportLimits = { ...patient, timeoutMs: 250 };
/** Connecting, headers and body may each take the limit; the rest is the machine's. */
const longestMs = 3 * impatient.timeoutMs + 20_000;

let connection: Redis | undefined;
/** One connection for the whole file, opened by the first test that needs it. */
function sharedRedis(): Redis {
  connection ??= testRedis();
  return connection;
}

const toClose: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

/** One account at a fake gateway that grants tokens T1, T2, … and answers status requests as told. */
async function setup(
  provider: Provider,
  fixtures: ProviderFixtures,
  status: (request: ReceivedRequest, nth: number) => Behaviour,
  login?: (nth: number) => Behaviour,
  limits = patient,
): Promise<{ gateway: FakeGateway; asker: Asker; logins(): ReceivedRequest[]; polls(): ReceivedRequest[] }> {
  const isLogin = (request: ReceivedRequest) =>
    fixtures.login !== undefined && request.url.startsWith(fixtures.login.path);
  let loginCount = 0;
  let pollCount = 0;
  const gateway = await startFakeGateway((request) => {
    if (!isLogin(request)) return status(request, ++pollCount);
    loginCount += 1;
    return login?.(loginCount) ?? grant(fixtures, `T${loginCount}`);
  });
  const settings = provider.settings.parse({
    ...fixtures.settings,
    baseUrl: gateway.url,
    ...('identityUrl' in provider.settings.shape ? { identityUrl: gateway.url } : {}),
  });
  const transport = createTransport(limits);
  const tokens =
    provider.auth === undefined
      ? null
      : createAccessTokens({
          redis: sharedRedis(),
          key: `{${testPrefix()}}:token`,
          auth: provider.auth,
          settings,
          transport,
        });
  toClose.push(
    () => gateway.close(),
    () => transport.close(),
  );
  return {
    gateway,
    asker: createAsker({ provider, settings, transport, tokens }),
    logins: () => gateway.requests.filter(isLogin),
    polls: () => gateway.requests.filter((request) => !isLogin(request)),
  };
}

function grant(fixtures: ProviderFixtures, token: string): Behaviour {
  return { status: 200, body: JSON.stringify(fixtures.login?.body).replaceAll('TOKEN', token) };
}

for (const [id, provider] of providers) {
  const fixtures = fixturesOf.get(id);
  if (fixtures === undefined) continue;
  const { order, paid, badToken } = fixtures;
  const hasLogin = provider.auth !== undefined;

  describe(`${id} over the wire`, () => {
    test('a paid order is read as paid', async () => {
      const { asker, polls } = await setup(provider, fixtures, () => ({ status: 200, body: paid }));
      expect(await asker.ask(order)).toMatchObject({
        kind: 'paid',
        doubt: null,
        source: 'poll',
        httpStatus: 200,
      });
      expect(polls()).toHaveLength(1);
    });

    test.runIf(hasLogin)('one login serves many polls, and its token is shown', async () => {
      const { asker, logins, polls } = await setup(provider, fixtures, () => ({ status: 200, body: paid }));
      await Promise.all([1, 2, 3].map(() => asker.ask(order)));
      await asker.ask(order);
      expect(logins()).toHaveLength(1);
      expect(polls().map((poll) => poll.headers.authorization)).toEqual(Array(4).fill('Bearer T1'));
    });

    test.runIf(hasLogin)('a rejected token is renewed once, and the poll repeated once', async () => {
      const { asker, logins, polls } = await setup(provider, fixtures, (request) =>
        request.headers.authorization === 'Bearer T1'
          ? { status: badToken?.httpStatus ?? 401, body: badToken?.body }
          : { status: 200, body: paid },
      );
      expect((await asker.ask(order)).kind).toBe('paid');
      expect(logins()).toHaveLength(2);
      expect(polls().map((poll) => poll.headers.authorization)).toEqual(['Bearer T1', 'Bearer T2']);
    });

    test.runIf(hasLogin)('an empty 401 renews the token too', async () => {
      const { asker, polls } = await setup(provider, fixtures, (_request, nth) =>
        nth === 1 ? { status: 401, body: '' } : { status: 200, body: paid },
      );
      expect((await asker.ask(order)).kind).toBe('paid');
      expect(polls()).toHaveLength(2);
    });

    test.runIf(hasLogin)('a token that is rejected for ever is refused, not failed', async () => {
      const { asker, logins, polls } = await setup(provider, fixtures, () => ({
        status: badToken?.httpStatus ?? 401,
        body: badToken?.body,
      }));
      expect(await asker.ask(order)).toMatchObject({ kind: 'refused', credentials: true });
      expect(logins()).toHaveLength(2);
      expect(polls()).toHaveLength(2);
    });

    test.runIf(!hasLogin)('a 401 is refused and not repeated', async () => {
      const { asker, polls } = await setup(provider, fixtures, () => ({ status: 401, body: '' }));
      expect(await asker.ask(order)).toMatchObject({ kind: 'refused', credentials: true });
      expect(polls()).toHaveLength(1);
    });

    test.runIf(hasLogin).each([400, 401, 403])('a login answered with %i is refused', async (status) => {
      const { asker, polls } = await setup(
        provider,
        fixtures,
        () => ({ status: 200, body: paid }),
        () => ({ status, body: '' }),
      );
      expect(await asker.ask(order)).toMatchObject({ kind: 'refused', credentials: true });
      expect(polls()).toHaveLength(0);
    });

    test.runIf(hasLogin)(
      'a login that is throttled rests as long as asked; no order is told to wait',
      async () => {
        const { asker, logins, polls } = await setup(
          provider,
          fixtures,
          () => ({ status: 200, body: paid }),
          () => ({ status: 429, headers: { 'retry-after': '3600' }, body: {} }),
        );
        const throttled = { kind: 'unavailable', throttled: true, retryAfterMs: null };
        expect(await asker.ask(order)).toMatchObject(throttled);
        expect(await asker.ask(order)).toMatchObject(throttled);
        expect(logins()).toHaveLength(1);
        expect(polls()).toHaveLength(0);
      },
    );

    test.runIf(hasLogin).each(misbehaviours)('a login that does "%s" is unavailable', async (how) => {
      const { asker, polls } = await setup(
        provider,
        fixtures,
        () => ({ status: 200, body: paid }),
        () => how,
        impatient,
      );
      const started = performance.now();
      expect((await asker.ask(order)).kind).toBe('unavailable');
      expect(performance.now() - started).toBeLessThan(longestMs);
      expect(polls()).toHaveLength(0);
    });

    test.each(misbehaviours)('a gateway that does "%s" is unavailable, and in time', async (how) => {
      const { asker } = await setup(provider, fixtures, () => how, undefined, impatient);
      const started = performance.now();
      expect((await asker.ask(order)).kind).toBe('unavailable');
      expect(performance.now() - started).toBeLessThan(longestMs);
    });

    test('after every misbehaviour the next answer is read as it is', async () => {
      const { asker } = await setup(
        provider,
        fixtures,
        (_request, nth) =>
          nth <= misbehaviours.length ? (misbehaviours[nth - 1] ?? 'hang') : { status: 200, body: paid },
        undefined,
        impatient,
      );
      for (const how of misbehaviours) expect((await asker.ask(order)).kind, how).toBe('unavailable');
      await until('a proper answer', async () => (await asker.ask(order)).kind === 'paid');
    });

    test.each([301, 302, 303, 307, 308])('a redirect (%i) is not followed', async (status) => {
      const { asker, gateway, polls } = await setup(provider, fixtures, (request) =>
        request.url === '/elsewhere'
          ? { status: 200, body: paid }
          : { status, headers: { location: '/elsewhere' }, body: paid },
      );
      expect((await asker.ask(order)).kind).toBe('unavailable');
      expect(polls()).toHaveLength(1);
      expect(gateway.requests.map((request) => request.url)).not.toContain('/elsewhere');
    });

    test('nobody there is unavailable', async () => {
      const { asker, gateway } = await setup(provider, fixtures, () => ({ status: 200, body: paid }));
      await gateway.close();
      toClose.shift();
      expect((await asker.ask(order)).kind).toBe('unavailable');
    });

    test('a secret of the account is in no reading', async () => {
      const secrets = Object.values(fixtures.settings).filter((value) => /sample/.test(String(value)));
      const { asker } = await setup(provider, fixtures, () => ({
        status: 401,
        body: {
          message: `token - ${secrets.join(' token - ')}`,
          errorCode: 'x',
          errorMessage: 'token: T1T1T1T1',
        },
      }));
      const shown = JSON.stringify(await asker.ask(order));
      for (const secret of [...secrets, 'T1T1T1T1']) expect(shown).not.toContain(secret);
    });
  });
}
