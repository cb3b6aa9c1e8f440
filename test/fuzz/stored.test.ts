import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readAccounts } from '../../src/accounts/accounts.ts';
import { readBreaker } from '../../src/accounts/breaker-state.ts';
import { createCircuitBreaker } from '../../src/accounts/circuit-breaker.ts';
import { eventFields, parseEvent, type ResultEvent } from '../../src/domain/result-event.ts';
import { createProducer } from '../../src/jobs/producer.ts';
import { newRecordFields, parseRecord } from '../../src/orders/codec.ts';
import { readUnresolved } from '../../src/orders/unresolved.ts';
import { createAccessTokens } from '../../src/providers/access-token.ts';
import { darajaAuth } from '../../src/providers/daraja-gateway.ts';
import { providers } from '../../src/providers/index.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { readResults } from '../../src/results/replay.ts';
import { subscribe } from '../../src/results/subscribe.ts';
import { anOrder, aReading } from '../support/builders.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { breakerPolicy } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';
import { hostileDocuments, hostileValues, hugeValues, pathsOf, withRaw } from './hostile.ts';

/** What other programs, older and newer versions, and people with redis-cli may leave in our keys. */
const redis = testRedis();

/** A result as it stands on the stream, by its fields. */
const event: ResultEvent = {
  specversion: '1.0',
  id: 'ord-1:1',
  source: 'payment-poller/jenga',
  type: 'payment.paid',
  subject: 'ord-1',
  time: '2026-01-15T09:00:10.000Z',
  datacontenttype: 'application/json',
  stateversion: 1,
  data: {
    orderId: 'ord-1',
    account: 'jenga',
    provider: 'jenga',
    reference: 'OR1',
    status: 'paid',
    reason: null,
    amountExpected: '2.00',
    amountReceived: '2.00',
    currency: 'KES',
    amountVerified: true,
    receipt: 'SH90HU7FO2',
    providerStatus: 'Paid',
    providerMessage: null,
    polls: 1,
    answeredPolls: 1,
    lastAnsweredAt: null,
    createdAt: '2026-01-15T09:00:00.000Z',
    settledAt: '2026-01-15T09:00:10.000Z',
    evidence: [{ source: 'poll', at: '2026-01-15T09:00:10.000Z', reading: 'paid' }],
    metadata: { a: [1] },
  },
};

/** Texts as Redis may hold them. */
const texts = [...hostileDocuments.map(([, document]) => document)].map((document) =>
  typeof document === 'string' ? document : Buffer.from(document).toString('latin1'),
);

function withField(name: string, value: string): string[] {
  return eventFields(event).map((field, nth, fields) =>
    nth % 2 === 1 && fields[nth - 1] === name ? value : field,
  );
}

function parsesOrThrows(fields: readonly string[]): ResultEvent | null {
  try {
    return parseEvent(fields);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return null;
  }
}

describe('an entry of the results stream', () => {
  test('comes back as it was written', () => {
    expect(parseEvent(eventFields(event))).toEqual(event);
  });

  test('with hostile text in any field is an event of its type, or none', () => {
    const names = eventFields(event).filter((_, nth) => nth % 2 === 0);
    for (const name of names) {
      for (const text of texts) {
        const parsed = parsesOrThrows(withField(name, text));
        if (parsed !== null) expect(['id', 'source', 'subject', 'stateversion']).toContain(name);
      }
    }
  });

  test('with a hostile value anywhere in its data never changes its status', () => {
    for (const path of pathsOf(event.data)) {
      for (const [, json] of [...hostileValues, ...(path.startsWith('metadata') ? hugeValues : [])]) {
        const parsed = parsesOrThrows(withField('data', withRaw(event.data, path, json)));
        if (parsed !== null) expect(parsed.data.status).toBe('paid');
      }
    }
  });

  test('of an odd number of fields, of none, of a prototype, is no event', () => {
    const whole = eventFields(event);
    for (const fields of [
      [],
      ['data'],
      whole.slice(0, -1),
      ['__proto__', '{}'],
      ['constructor', 'x', 'data', '{}'],
    ]) {
      expect(parsesOrThrows(fields)).toBeNull();
    }
    expect(parseEvent([...whole, '__proto__', 'x', 'constructor', 'y'])).toEqual(event);
  });

  test('of random fields never throws anything but an error', () => {
    const field = fc.oneof(fc.constantFrom(...eventFields(event)), fc.string());
    fc.assert(fc.property(fc.array(field, { maxLength: 24 }), (fields) => void parsesOrThrows(fields)));
  });

  test('that is none of ours stops no reader and no subscriber', async () => {
    const prefix = testPrefix();
    const keys = createKeys(prefix);
    const strange = texts.filter((text) => text.length < 100_000);
    const last = { ...event, id: 'ord-2:1', subject: 'ord-2', data: { ...event.data, orderId: 'ord-2' } };
    await redis.xadd(keys.results, '*', ...eventFields(event));
    for (const text of strange) {
      await redis.xadd(keys.results, '*', 'data', text);
      await redis.xadd(keys.results, '*', text, text);
    }
    await redis.xadd(keys.results, '*', ...eventFields(last));

    const invalid: string[] = [];
    const read: string[] = [];
    for await (const result of readResults({ redis, prefix, onInvalid: (id) => void invalid.push(id) })) {
      read.push(result.event.subject);
    }
    expect(read).toEqual(['ord-1', 'ord-2']);
    expect(invalid.length).toBe(2 * strange.length);

    const handled: string[] = [];
    const subscription = subscribe({
      redis: testRedisUrl(),
      prefix,
      group: 'g',
      consumer: 'c',
      concurrency: 50,
      onResult: ({ subject }) => void handled.push(subject),
    });
    onTestFinished(() => subscription.close());
    await until('both results were handled', () => handled.length === 2);
    await until('the others are parked', async () => (await redis.xlen(keys.parked('g'))) === invalid.length);
    expect(handled).toEqual(['ord-1', 'ord-2']);
  });
});

/** `null` where it is refused, which must be with an error. */
function readOrRefused(fields: Parameters<typeof parseRecord>[1]): ReturnType<typeof parseRecord> {
  try {
    return parseRecord('ord-1', fields);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return null;
  }
}

describe('the record of an order', () => {
  const good = newRecordFields(anOrder({ metadata: { a: 1 } }), 5);

  test('with hostile text in any field is refused, or leaves what decides as it was', () => {
    const order = parseRecord('ord-1', good)?.order;
    for (const name of Object.keys(good)) {
      for (const text of texts) {
        const record = readOrRefused({ ...good, [name]: text });
        if (record === null) continue;
        const { amountMinor, createdAt, schedule } = record.order;
        const numbers = [amountMinor, createdAt, schedule.deadlineMs, record.progress.stateversion];
        expect(numbers.every(Number.isFinite), `${name}=${text.slice(0, 40)}`).toBe(true);
        if (name !== 'amountMinor') expect(amountMinor).toBe(order?.amountMinor);
        expect(record.progress.verdict?.status ?? 'paid').toBe('paid');
      }
    }
  });

  test('without one of its facts is refused', () => {
    for (const name of [
      ...['amountMinor', 'createdAt', 'reference', 'order', 'progress', 'history', 'phase', 'revision'],
    ]) {
      const { [name]: _, ...rest } = good;
      expect(() => parseRecord('ord-1', rest), name).toThrow();
      expect(() => parseRecord('ord-1', { ...good, [name]: '' }), name).toThrow();
    }
  });

  test('with a verdict that nobody can have given is refused', () => {
    const settled = (status: string) => ({
      ...good,
      progress: `[1,1,1,null,null,{"status":"${status}","reason":null,"at":1700000000000}]`,
    });
    expect(parseRecord('ord-1', settled('paid'))?.progress.verdict).toMatchObject({ status: 'paid' });
    expect(() => parseRecord('ord-1', settled('Paid'))).toThrow('damaged: progress');
  });
});

test('broken entries of the registry stop no producer, and no other account', async () => {
  const prefix = testPrefix();
  const keys = createKeys(prefix);
  const schedule = JSON.stringify(anOrder().schedule);
  const entry = `{"provider":"lipia","currency":"KES","schedule":${schedule},"callbacks":false}`;
  await redis.hset(keys.registry, 'lipia', entry);
  for (const [nth, text] of texts.entries()) {
    await redis.hset(keys.registry, `broken${nth}`, text, text.slice(0, 1_000), entry);
  }
  for (const [nth, [, json]] of hostileValues.entries()) {
    await redis.hset(keys.registry, `other${nth}`, entry.replace('60000', json).replace('"KES"', json));
  }
  expect([...(await readAccounts(redis, keys, providers)).keys()]).toContain('lipia');

  const producer = createProducer({ redis, prefix, timeoutMs: 60_000 });
  onTestFinished(() => producer.close());
  const order = { account: 'lipia', reference: 'a', amount: '2.00' };
  expect(await producer.enqueue({ ...order, orderId: 'ord-1' })).toMatchObject({ outcome: 'new' });
  const refused = await producer.enqueue({ ...order, orderId: 'ord-2', account: 'nobody' });
  expect(JSON.stringify(refused)).not.toMatch(/\\u00|script|FLUSHALL|xxxx/);
});

describe('the entries of an access token', () => {
  const settings = { baseUrl: 'http://127.0.0.1:1', consumerKey: 'k', consumerSecret: 's' };

  /** Tokens whose login always grants `fresh`, unless it answers otherwise. */
  function tokensOn(key: string, httpStatus = 200) {
    const body = Buffer.from('{"access_token":"fresh","expires_in":"3599"}');
    const transport = {
      send: async () => ({ httpStatus, headers: {}, body }),
      close: async () => {},
    };
    return createAccessTokens({ redis, key, auth: darajaAuth as never, settings, transport });
  }

  /** The keys beside a token in which a failed login is noted. */
  async function failureKeys(key: string): Promise<{ last: string; count: string }> {
    await tokensOn(key, 503).current();
    const [[last = ''], [count = '']] = await Promise.all([
      redis.keys(`${key}:failure:*`),
      redis.keys(`${key}:failures:*`),
    ]);
    return { last, count };
  }

  test.each(['token', 'last', 'count'] as const)(
    'that somebody broke (%j) lead to a new login',
    async (which) => {
      const forged = [
        '{"token":"forged"}',
        '{"token":"forged","expiresAt":9e15}',
        '{"token":null}',
        Buffer.from('{"token":"forged","expiresAt":9e15}').toString('base64'),
      ];
      for (const text of [...texts, ...forged]) {
        const key = createKeys(testPrefix()).token('daraja');
        if (which === 'token') {
          await redis.set(key, text, 'PX', 60_000);
        } else {
          const failure = await failureKeys(key);
          await redis.del(failure.last);
          await redis.set(failure[which], text, 'PX', 60_000);
          if (which === 'count') expect(await tokensOn(key, 503).current()).toHaveProperty('token', null);
          if (which === 'count') await redis.del(failure.last);
        }
        expect(await tokensOn(key).current()).toEqual({ token: 'fresh' });
      }
    },
  );

  test('that tell of a failed login are believed', async () => {
    const key = createKeys(testPrefix()).token('daraja');
    const failure = {
      token: null,
      refused: true,
      throttled: false,
      retryAfterMs: null,
      httpStatus: 400,
      reason: 'x',
    };
    await redis.set((await failureKeys(key)).last, JSON.stringify(failure), 'PX', 60_000);
    expect(await tokensOn(key).current()).toEqual(failure);
  });
});

describe('the breaker of an account', () => {
  function gateOn(prefix: string) {
    const parts = { account: 'lipia', policy: breakerPolicy, credentials: 'c', pollMs: 100 };
    return createCircuitBreaker({ redis, keys: createKeys(prefix), ...parts });
  }

  const small = texts.filter((text) => text.length < 1_000);

  test.each(['pausedUntil', 'level', 'failures', 'lockedBy'])(
    'with hostile text as %s lets orders pass, or asks them to come again within a day',
    async (field) => {
      for (const text of [...small, '1e400', 'Infinity', '9007199254740991', '-1', 'NaN']) {
        const prefix = testPrefix();
        await redis.hset(createKeys(prefix).breaker('lipia'), field, text);
        const now = Date.now();
        const admission = await gateOn(prefix).admit(now);
        if ('waitUntil' in admission) {
          expect(admission.waitUntil).toBeGreaterThan(now);
          expect(admission.waitUntil).toBeLessThan(now + 86_400_000);
        }
        await readBreaker(redis, createKeys(prefix), 'lipia', now);
      }
    },
  );

  test.each(['pausedUntil', 'level'])('with hostile text as %s still learns from readings', async (field) => {
    for (const text of [...small, '1e400', 'Infinity', 'NaN']) {
      const prefix = testPrefix();
      await redis.hset(createKeys(prefix).breaker('lipia'), field, text);
      const breaker = gateOn(prefix);
      await breaker.report({ troubled: true, probing: false }, aReading.unavailable(), Date.now());
      await breaker.report({ troubled: true, probing: false }, aReading.paid(), Date.now());
      expect(await breaker.admit(Date.now())).toMatchObject({ troubled: false });
    }
  });
});

test('an order of any id is found again among the unresolved, and hostile entries are left out', async () => {
  const keys = createKeys(testPrefix());
  const ids = ['0', '__proto__', 'constructor', 'toString'];
  for (const id of ids) await redis.hset(keys.unresolved, id, '1700000000000 100 KES lipia');
  for (const text of texts.slice(0, 500)) await redis.hset(keys.unresolved, `x${text.slice(0, 99)}`, text);
  const tally = await readUnresolved(redis, keys, Date.now());
  expect(tally?.oldest.map(({ orderId }) => orderId).sort()).toEqual(ids);
  expect(tally).toMatchObject({ orders: 4, currencies: [{ currency: 'KES' }] });
});
