import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readBreaker } from '../../src/accounts/breaker-state.ts';
import {
  type Admission,
  type CircuitBreaker,
  type CircuitBreakerParts,
  createCircuitBreaker,
  type Wait,
} from '../../src/accounts/circuit-breaker.ts';
import type { Reading } from '../../src/domain/order.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { aReading } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
const now = 1_800_000_000_000;

function setup(changes: Partial<CircuitBreakerParts> = {}) {
  const keys = createKeys(testPrefix());
  const open = (more: Partial<CircuitBreakerParts> = {}) =>
    createCircuitBreaker({
      redis,
      keys,
      account: 'jenga',
      policy: { breakerFailures: 3, breakerPauseMs: 1_000, breakerMaxPauseMs: 3_000, throttlePauseMs: 500 },
      credentials: 'one',
      pollMs: 60_000,
      ...changes,
      ...more,
    });
  return { keys, open, breaker: open() };
}

/** Passes one poll through the breaker: it is admitted, or told until when to wait. */
async function pass(
  breaker: CircuitBreaker,
  at: number,
  orderId: string = randomUUID(),
): Promise<Admission | Wait> {
  const admission = await breaker.admit(at);
  if ('waitUntil' in admission) return admission;
  const waitUntil = await breaker.enter(admission, at, orderId);
  return waitUntil === null ? admission : { waitUntil, openSince: admission.openSince };
}

async function admitted(breaker: CircuitBreaker, at: number): Promise<Admission> {
  const admission = await pass(breaker, at);
  if ('waitUntil' in admission)
    throw new Error(`The breaker does not admit polls for ${admission.waitUntil - at} ms.`);
  return admission;
}

async function poll(breaker: CircuitBreaker, reading: Reading, at: number) {
  return breaker.report(await admitted(breaker, at), reading, at);
}

async function accountEvents(keys: ReturnType<typeof createKeys>) {
  return (await redis.xrange(keys.accounts, '-', '+')).map(([, fields]) => {
    const event: { [name: string]: string } = {};
    for (let i = 0; i < fields.length; i += 2) event[fields[i] ?? ''] = fields[i + 1] ?? '';
    return event;
  });
}

describe('failures in a row', () => {
  test.each<[string, Reading]>([
    ['unavailable', aReading.unavailable()],
    ['refused credentials', aReading.refused()],
  ])('%s: the third pauses the account, and is told once', async (_name, reading) => {
    const { keys, breaker } = setup();
    expect(await poll(breaker, reading, now)).toBeNull();
    expect(await poll(breaker, reading, now)).toBeNull();
    expect(await poll(breaker, reading, now)).toBe('degraded');
    expect(await breaker.admit(now + 1)).toMatchObject({ waitUntil: now + 1_000 });
    expect(await accountEvents(keys)).toMatchObject([
      { type: 'account.degraded', specversion: '1.0', subject: 'jenga', source: 'payment-poller/jenga' },
    ]);
  });

  test('an answer in between resets the count', async () => {
    const { breaker, keys } = setup();
    for (let n = 0; n < 5; n++) {
      await poll(breaker, aReading.unavailable(), now);
      await poll(breaker, aReading.refused(), now);
      expect(await poll(breaker, n % 2 === 0 ? aReading.pending() : aReading.notFound(), now)).toBeNull();
    }
    expect(await breaker.admit(now)).toEqual({ troubled: false, probing: false });
    expect(await accountEvents(keys)).toEqual([]);
  });

  test('only one order over all processes probes after the pause; a failed probe doubles the pause', async () => {
    const { keys, open, breaker } = setup();
    for (let n = 0; n < 3; n++) await poll(breaker, aReading.unavailable(), now);
    for (const [at, pause] of [
      [now + 1_000, 2_000],
      [now + 3_000, 3_000],
      [now + 6_000, 3_000],
    ] as const) {
      const admissions = await Promise.all(Array.from({ length: 20 }, () => pass(open(), at)));
      const probes = admissions.filter((each) => !('waitUntil' in each));
      expect(probes).toHaveLength(1);
      for (const each of admissions) if ('waitUntil' in each) expect(each.waitUntil).toBeGreaterThan(at);
      expect(await breaker.report(probes[0] as Admission, aReading.unavailable(), at)).toBeNull();
      expect(await breaker.admit(at + 1)).toMatchObject({ waitUntil: at + pause });
    }
    expect(await accountEvents(keys)).toHaveLength(1);
  });

  test('another order may probe once a probe has timed out', async () => {
    const { open, breaker } = setup({ pollMs: 2_000 });
    for (let n = 0; n < 3; n++) await poll(breaker, aReading.unavailable(), now);
    await admitted(breaker, now + 1_000);
    expect(await pass(open(), now + 1_000)).toHaveProperty('waitUntil');
    await until('a second probe', async () => !('waitUntil' in (await pass(open(), now + 1_100))));
  });

  test('a probe that fails after the account was paused again releases the probe', async () => {
    const { open, breaker } = setup();
    const straggler = await admitted(breaker, now);
    for (let n = 0; n < 3; n++) await poll(breaker, aReading.unavailable(), now);
    const looked = await breaker.admit(now + 1_000);
    await breaker.report(straggler, aReading.unavailable(), now + 1_000);
    expect(await breaker.enter(looked as Admission, now + 1_001, 'other')).toBeNull();
    await breaker.report(looked as Admission, aReading.unavailable(), now + 1_002);
    expect(await pass(open(), now + 3_001)).not.toHaveProperty('waitUntil');
  });

  test('an order that was admitted but did not poll does not hold the probe', async () => {
    const { open, breaker } = setup();
    for (let n = 0; n < 3; n++) await poll(breaker, aReading.unavailable(), now);
    for (let n = 0; n < 5; n++) await breaker.admit(now + 1_000);
    expect(await pass(open(), now + 1_000)).not.toHaveProperty('waitUntil');
  });

  test('an answered probe closes the breaker, and one event is published', async () => {
    const { keys, open, breaker } = setup();
    for (let n = 0; n < 3; n++) await poll(breaker, aReading.unavailable(), now);
    expect(await poll(breaker, aReading.pending(), now + 1_000)).toBe('recovered');
    for (let n = 0; n < 3; n++)
      expect(await open().admit(now + 1_001)).toEqual({ troubled: false, probing: false });
    expect((await accountEvents(keys)).map(({ type }) => type)).toEqual([
      'account.degraded',
      'account.recovered',
    ]);
    expect(new Set((await accountEvents(keys)).map(({ id }) => id)).size).toBe(2);
  });

  test('failures of polls that were in flight when the pause began do not extend it', async () => {
    const { breaker } = setup();
    const underWay = await Promise.all(Array.from({ length: 30 }, () => admitted(breaker, now)));
    for (const admission of underWay) await breaker.report(admission, aReading.unavailable(), now + 5);
    expect(await breaker.admit(now + 6)).toMatchObject({ waitUntil: now + 1_005 });
  });

  test('an open breaker does not affect other accounts', async () => {
    const { open, breaker } = setup();
    for (let n = 0; n < 3; n++) await poll(breaker, aReading.unavailable(), now);
    expect(await open({ account: 'shop2' }).admit(now + 1)).toEqual({ troubled: false, probing: false });
  });
});

describe('failures that concern one order only', () => {
  const aboutOrder: [string, Reading][] = [
    ['a refused request', aReading.refused({ credentials: false, httpStatus: 400 })],
    ['a code about the query', aReading.unavailable({ aboutOrder: true, providerStatus: '8000' })],
  ];

  test.each(aboutOrder)('%s never opens the circuit breaker', async (_name, reading) => {
    const { keys, breaker } = setup();
    for (let n = 0; n < 30; n++) expect(await poll(breaker, reading, now)).toBeNull();
    expect(await breaker.admit(now)).toMatchObject({ troubled: false, probing: false });
    expect(await accountEvents(keys)).toEqual([]);
  });

  test.each(aboutOrder)('%s closes the circuit breaker as the answer to a probe', async (_name, reading) => {
    const { breaker } = setup();
    for (let n = 0; n < 3; n++) await poll(breaker, aReading.unavailable(), now);
    expect(await poll(breaker, reading, now + 1_000)).toBe('recovered');
    expect(await breaker.admit(now + 1_001)).toMatchObject({ troubled: false, probing: false });
  });

  test('a single order that is never answered does not open the circuit breaker', async () => {
    const { breaker } = setup();
    const hanging = { orderId: 'hanging' };
    for (let n = 0; n < 30; n++) {
      const admission = await admitted(breaker, now + n);
      expect(await breaker.report(admission, aReading.unavailable(), now + n, hanging)).toBeNull();
    }
    expect(await breaker.admit(now + 30)).toMatchObject({ troubled: true, probing: false });
  });

  test('orders that failed twice while others were answered no longer count, until they are answered', async () => {
    const { keys, breaker } = setup();
    const fail = (orderId: string, at: number) =>
      breaker.report({ troubled: true, probing: false }, aReading.unavailable(), at, { orderId });
    const answer = (orderId: string, at: number) =>
      breaker.report({ troubled: true, probing: false }, aReading.pending(), at, { orderId });
    for (const round of [1, 2]) {
      for (const orderId of ['bad-1', 'bad-2']) await fail(orderId, now + round);
      await answer('good', now + round);
    }
    for (let n = 0; n < 20; n++) {
      for (const orderId of ['bad-1', 'bad-2']) expect(await fail(orderId, now + 10 + n)).toBeNull();
    }
    for (const orderId of ['fresh-1', 'fresh-2']) expect(await fail(orderId, now + 50)).toBeNull();
    await answer('bad-1', now + 51);
    expect(await breaker.admit(now + 52)).not.toHaveProperty('waitUntil');
    for (const orderId of ['fresh-1', 'fresh-2']) expect(await fail(orderId, now + 60)).toBeNull();
    expect(await fail('bad-1', now + 61)).toBe('degraded');
    expect((await accountEvents(keys)).map(({ type }) => type)).toEqual(['account.degraded']);
  });
});

describe('the probe', () => {
  /** An account whose circuit breaker has just opened. */
  async function opened() {
    const all = setup();
    for (let n = 0; n < 3; n++) await poll(all.breaker, aReading.unavailable(), now);
    return all;
  }

  async function probe(
    { breaker }: { breaker: CircuitBreaker },
    orderId: string,
    at: number,
  ): Promise<boolean> {
    const admission = await pass(breaker, at, orderId);
    if ('waitUntil' in admission) return false;
    await breaker.report(admission, aReading.unavailable(), at, { orderId });
    return true;
  }

  test('is not given twice in a row to an order whose probe failed, while others wait', async () => {
    const account = await opened();
    expect(await probe(account, 'bad', now + 1_000)).toBe(true);
    // `bad` asks first, but must let another order go first.
    expect(await probe(account, 'bad', now + 3_001)).toBe(false);
    expect(await probe(account, 'good', now + 3_002)).toBe(true);
    expect(await probe(account, 'bad', now + 6_003)).toBe(false);
    expect(await probe(account, 'good', now + 6_004)).toBe(false);
    expect(await probe(account, 'third', now + 6_005)).toBe(true);
  });

  test('is given again to the only order, a little later than to another one', async () => {
    const account = await opened();
    expect(await probe(account, 'only', now + 1_000)).toBe(true);
    const looked = await pass(account.breaker, now + 3_001, 'only');
    expect(looked).toHaveProperty('waitUntil');
    expect(await probe(account, 'only', (looked as Wait).waitUntil)).toBe(true);
  });
});

describe('orders past their deadline', () => {
  test('are polled although the circuit breaker is open, one at a time and at a limited rate', async () => {
    const { breaker } = setup({ deadlinePollEveryMs: 60_000 });
    for (let n = 0; n < 3; n++) await poll(breaker, aReading.unavailable(), now);
    expect(await breaker.admit(now + 10)).toMatchObject({ openSince: now });
    const turns = await Promise.all(Array.from({ length: 20 }, () => breaker.enterAtDeadline(now + 10)));
    expect(turns.filter((waitUntil) => waitUntil === null)).toHaveLength(1);
    for (const waitUntil of turns) expect(waitUntil ?? now + 11).toBeGreaterThan(now + 10);
  });

  test('are polled at that rate also while the provider itself asked for a pause', async () => {
    const { breaker } = setup({ deadlinePollEveryMs: 60_000 });
    for (let n = 0; n < 2; n++) await poll(breaker, aReading.unavailable(), now);
    expect(await poll(breaker, aReading.throttled(40_000), now)).toBe('degraded');
    expect(await breaker.enterAtDeadline(now + 1)).toBeNull();
    expect(await breaker.enterAtDeadline(now + 2)).toBeGreaterThan(now + 2);
  });
});

describe('throttling', () => {
  test('stays in effect when a poll that was in flight is answered', async () => {
    const { breaker } = setup();
    const [first, second] = [await admitted(breaker, now), await admitted(breaker, now)];
    await breaker.report(first, aReading.throttled(40_000), now);
    await breaker.report({ ...second, troubled: true }, aReading.pending(), now + 1);
    expect(await breaker.admit(now + 2)).toMatchObject({ waitUntil: now + 40_000 });
    expect(await breaker.admit(now + 40_001)).not.toHaveProperty('waitUntil');
  });

  test('pauses the account for the requested time, without marking it degraded', async () => {
    const { keys, open, breaker } = setup();
    expect(await poll(breaker, aReading.throttled(40_000), now)).toBeNull();
    expect(await open().admit(now + 39_999)).toEqual({ waitUntil: now + 40_000 });
    expect(await open().admit(now + 40_001)).toEqual({ troubled: true, probing: false });
    expect(await accountEvents(keys)).toEqual([]);
  });

  test('pauses it for the configured time when none was requested', async () => {
    const { breaker } = setup();
    await poll(breaker, { ...aReading.unavailable(), kind: 'unavailable', throttled: true }, now);
    expect(await breaker.admit(now)).toEqual({ waitUntil: now + 500 });
  });

  test('of a poll that was in flight counts if it asks for a longer pause', async () => {
    const { breaker } = setup();
    const underWay = await Promise.all(Array.from({ length: 3 }, () => admitted(breaker, now)));
    const rests = [1_000, 60_000, 2_000];
    for (const [n, admission] of underWay.entries()) {
      await breaker.report(admission, aReading.throttled(rests[n] ?? 0), now);
    }
    expect(await breaker.admit(now + 1)).toEqual({ waitUntil: now + 60_000 });
  });

  test('of a few orders pauses the account for a minute at most, that of as many as open the breaker as long as requested', async () => {
    const { breaker } = setup();
    const hour = aReading.throttled(3_600_000);
    for (const [nth, orderId] of ['first', 'first', 'second', 'first', 'second'].entries()) {
      const at = now + nth * 60_001;
      await breaker.report({ troubled: true, probing: false }, hour, at, { orderId });
      expect(await breaker.admit(at)).toMatchObject({ waitUntil: at + 60_000 });
    }
    const later = now + 600_000;
    await breaker.report({ troubled: true, probing: false }, hour, later, { orderId: 'third' });
    expect(await breaker.admit(later)).toMatchObject({ waitUntil: later + 3_600_000 });
  });

  test('of an order while others are answered pauses nobody from the third time on', async () => {
    const { breaker } = setup();
    const hour = aReading.throttled(3_600_000);
    const inTrouble = { troubled: true, probing: false };
    let at = now;
    for (let nth = 0; nth < 2; nth++, at += 60_001) {
      await breaker.report(inTrouble, hour, at, { orderId: 'bad' });
      expect(await breaker.admit(at)).toMatchObject({ waitUntil: at + 60_000 });
      await breaker.report(inTrouble, aReading.pending(), at + 60_000, { orderId: 'good' });
    }
    await breaker.report(inTrouble, hour, at, { orderId: 'bad' });
    expect(await breaker.admit(at)).not.toHaveProperty('waitUntil');
  });

  test('of two orders does not add up while others are answered in between', async () => {
    const { breaker } = setup();
    const hour = aReading.throttled(3_600_000);
    await breaker.report(await admitted(breaker, now), hour, now, { orderId: 'first' });
    const answeredAt = now + 60_001;
    await breaker.report(await admitted(breaker, answeredAt), aReading.pending(), answeredAt);
    await breaker.report(await admitted(breaker, answeredAt), hour, answeredAt, { orderId: 'second' });
    expect(await breaker.admit(answeredAt)).toEqual({ waitUntil: answeredAt + 60_000 });
  });

  test('takes precedence over the pause of the breaker when it is longer', async () => {
    const { breaker } = setup();
    for (let n = 0; n < 2; n++) await poll(breaker, aReading.unavailable(), now);
    expect(await poll(breaker, aReading.throttled(40_000), now)).toBe('degraded');
    expect(await breaker.admit(now)).toMatchObject({ waitUntil: now + 40_000 });
  });
});

describe('locked credentials', () => {
  const locked = aReading.refused({ locksAccount: true });

  test('stop all polls until other credentials are configured', async () => {
    const { keys, open, breaker } = setup();
    expect(await poll(breaker, locked, now)).toBe('degraded');
    for (const later of [1, 100_000, 90 * 86_400_000]) {
      expect(await open().admit(now + later)).toHaveProperty('waitUntil');
    }
    const renewed = open({ credentials: 'two' });
    expect(await poll(renewed, aReading.pending(), now + 200_000)).toBe('recovered');
    expect(await open({ credentials: 'two' }).admit(now + 200_001)).toEqual({
      troubled: false,
      probing: false,
    });
    expect((await accountEvents(keys)).map(({ type }) => type)).toEqual([
      'account.degraded',
      'account.recovered',
    ]);
  });

  test('publish one event, however many polls were in flight', async () => {
    const { keys, breaker } = setup();
    const underWay = await Promise.all(Array.from({ length: 20 }, () => admitted(breaker, now)));
    const changes = await Promise.all(underWay.map((admission) => breaker.report(admission, locked, now)));
    expect(changes.filter((change) => change === 'degraded')).toHaveLength(1);
    expect(await accountEvents(keys)).toHaveLength(1);
  });

  test('are not unlocked by the answer to a poll that was sent before', async () => {
    const { keys, breaker } = setup();
    await poll(breaker, aReading.unavailable(), now);
    const [first, second] = [await admitted(breaker, now), await admitted(breaker, now)];
    await breaker.report(first, locked, now);
    expect(await breaker.report(second, aReading.pending(), now + 1)).toBeNull();
    // Pushed answers are always reported with `troubled: true`.
    expect(await breaker.report({ troubled: true, probing: false }, aReading.pending(), now + 1)).toBeNull();
    expect(await breaker.admit(now + 2)).toHaveProperty('waitUntil');
    expect((await accountEvents(keys)).map(({ type }) => type)).toEqual(['account.degraded']);
  });

  test('stay locked while workers with old and new credentials run side by side', async () => {
    const { open, breaker: old } = setup();
    const fresh = open({ credentials: 'two' });
    expect(await poll(old, locked, now)).toBe('degraded');
    for (let turn = 1; turn < 50; turn++) {
      expect(await old.admit(now + turn)).toHaveProperty('waitUntil');
      await poll(fresh, aReading.pending(), now + turn);
    }
    expect(await open({ credentials: 'one' }).admit(now + 90 * 86_400_000)).toHaveProperty('waitUntil');
  });

  test('are those that sent the query: a late answer for old credentials does not lock the new ones', async () => {
    const { keys, open, breaker: old } = setup();
    const fresh = open({ credentials: 'two' });
    const late = { orderId: 'ord-1', credentials: 'one' };
    expect(await fresh.report({ troubled: true, probing: false }, locked, now, late)).toBeNull();
    expect(await fresh.admit(now + 1)).not.toHaveProperty('waitUntil');
    expect(await old.admit(now + 1)).toHaveProperty('waitUntil');
    expect(await accountEvents(keys)).toEqual([]);
  });

  test('are not recorded when it is unknown which credentials sent the query', async () => {
    const { breaker } = setup();
    for (let n = 0; n < 10; n++) {
      const unknown = { orderId: `ord-${n}`, credentials: null };
      expect(await breaker.report({ troubled: true, probing: false }, locked, now, unknown)).toBeNull();
    }
    expect(await breaker.admit(now + 1)).not.toHaveProperty('waitUntil');
  });

  test('that are no longer in use and refused do not count against those in use', async () => {
    const { breaker } = setup();
    for (let n = 0; n < 10; n++) {
      const asked = { orderId: `ord-${n}`, credentials: 'older' };
      expect(
        await breaker.report({ troubled: true, probing: false }, aReading.refused(), now, asked),
      ).toBeNull();
    }
    expect(await breaker.admit(now + 1)).toMatchObject({ troubled: false });
  });

  test('are remembered, the newest twenty', async () => {
    const { keys, open } = setup();
    for (let n = 0; n < 30; n++) await poll(open({ credentials: `c${n}` }), locked, now + n);
    expect((await redis.hget(keys.breaker('jenga'), 'locked'))?.split(' ')).toHaveLength(20);
    for (const n of [10, 29])
      expect(await open({ credentials: `c${n}` }).admit(now + 99)).toHaveProperty('waitUntil');
    expect(await readBreaker(redis, keys, 'jenga', now, 'c29')).toMatchObject({ state: 'locked' });
    expect(await readBreaker(redis, keys, 'jenga', now, 'c30')).toMatchObject({ state: 'closed' });
  });
});

test.each(['', ':failed', ':suspects', ':tried', ':probe', ':waiting'])(
  'a key of another type in place of breaker%s does not block the account',
  async (suffix) => {
    const { keys, breaker } = setup();
    const key = `${keys.breaker('jenga')}${suffix}`;
    const damage = () =>
      suffix === ':probe' || suffix === ':waiting' ? redis.lpush(key, 'x') : redis.set(key, 'x');
    await redis.del(key);
    await damage();
    await admitted(breaker, now);
    if (suffix === '') return;
    for (let n = 0; n < 3; n++) await poll(breaker, aReading.unavailable(), now);
    await redis.del(key);
    await damage();
    await breaker.report({ troubled: true, probing: true }, aReading.unavailable(), now + 1_000, {
      orderId: 'a',
    });
    await redis.del(key);
    await damage();
    expect(await breaker.report({ troubled: true, probing: true }, aReading.pending(), now + 9_000)).toBe(
      'recovered',
    );
    expect(await breaker.admit(now + 9_001)).toMatchObject({ troubled: false });
  },
);
