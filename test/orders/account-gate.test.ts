import { describe, expect, test } from 'vitest';
import type { Reading } from '../../src/order.ts';
import {
  type AccountGate,
  type AccountGateParts,
  type Admission,
  createAccountGate,
} from '../../src/orders/account-gate.ts';
import { createKeys } from '../../src/orders/keys.ts';
import { aReading } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { until } from '../support/service-until.ts';

const redis = testRedis();
const now = 1_800_000_000_000;

function setup(changes: Partial<AccountGateParts> = {}) {
  const keys = createKeys(testPrefix());
  const open = (more: Partial<AccountGateParts> = {}) =>
    createAccountGate({
      redis,
      keys,
      account: 'jenga',
      policy: { breakerFailures: 3, breakerPauseMs: 1_000, breakerMaxPauseMs: 3_000, throttlePauseMs: 500 },
      credentials: 'one',
      pollMs: 60_000,
      ...changes,
      ...more,
    });
  return { keys, open, gate: open() };
}

/** What a poll does at the gate: it goes through, or learns until when it is to wait. */
async function pass(gate: AccountGate, at: number): Promise<Admission | { waitUntil: number }> {
  const admission = await gate.admit(at);
  if ('waitUntil' in admission) return admission;
  const waitUntil = await gate.enter(admission, at);
  return waitUntil === null ? admission : { waitUntil };
}

async function admitted(gate: AccountGate, at: number): Promise<Admission> {
  const admission = await pass(gate, at);
  if ('waitUntil' in admission) throw new Error(`The gate is shut for ${admission.waitUntil - at} ms.`);
  return admission;
}

async function poll(gate: AccountGate, reading: Reading, at: number) {
  return gate.report(await admitted(gate, at), reading, at);
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
    ['refused', aReading.refused()],
  ])('%s: the third pauses the account, and is told once', async (_name, reading) => {
    const { keys, gate } = setup();
    expect(await poll(gate, reading, now)).toBeNull();
    expect(await poll(gate, reading, now)).toBeNull();
    expect(await poll(gate, reading, now)).toBe('degraded');
    expect(await gate.admit(now + 1)).toEqual({ waitUntil: now + 1_000 });
    expect(await accountEvents(keys)).toMatchObject([
      { type: 'account.degraded', specversion: '1.0', subject: 'jenga', source: 'payment-poller/jenga' },
    ]);
  });

  test('an answer in between begins the count anew', async () => {
    const { gate, keys } = setup();
    for (let n = 0; n < 5; n++) {
      await poll(gate, aReading.unavailable(), now);
      await poll(gate, aReading.refused(), now);
      expect(await poll(gate, n % 2 === 0 ? aReading.pending() : aReading.notFound(), now)).toBeNull();
    }
    expect(await gate.admit(now)).toEqual({ troubled: false, probing: false });
    expect(await accountEvents(keys)).toEqual([]);
  });

  test('only one order probes after the pause, by whichever process; a failed probe doubles the pause', async () => {
    const { keys, open, gate } = setup();
    for (let n = 0; n < 3; n++) await poll(gate, aReading.unavailable(), now);
    for (const [at, pause] of [
      [now + 1_000, 2_000],
      [now + 3_000, 3_000],
      [now + 6_000, 3_000],
    ] as const) {
      const admissions = await Promise.all(Array.from({ length: 20 }, () => pass(open(), at)));
      const probes = admissions.filter((each) => !('waitUntil' in each));
      expect(probes).toHaveLength(1);
      for (const each of admissions) if ('waitUntil' in each) expect(each.waitUntil).toBeGreaterThan(at);
      expect(await gate.report(probes[0] as Admission, aReading.unavailable(), at)).toBeNull();
      expect(await gate.admit(at + 1)).toEqual({ waitUntil: at + pause });
    }
    expect(await accountEvents(keys)).toHaveLength(1);
  });

  test('a probe that never comes back is replaced', async () => {
    const { open, gate } = setup({ pollMs: 30 });
    for (let n = 0; n < 3; n++) await poll(gate, aReading.unavailable(), now);
    await admitted(gate, now + 1_000);
    expect(await pass(open(), now + 1_000)).toHaveProperty('waitUntil');
    await until('a second probe', async () => !('waitUntil' in (await pass(open(), now + 1_100))));
  });

  test('a probe that fails while the account was paused anew gives its turn back', async () => {
    const { open, gate } = setup();
    const straggler = await admitted(gate, now);
    for (let n = 0; n < 3; n++) await poll(gate, aReading.unavailable(), now);
    const looked = await gate.admit(now + 1_000);
    await gate.report(straggler, aReading.unavailable(), now + 1_000);
    expect(await gate.enter(looked as Admission, now + 1_001)).toBeNull();
    await gate.report(looked as Admission, aReading.unavailable(), now + 1_002);
    expect(await pass(open(), now + 3_001)).not.toHaveProperty('waitUntil');
  });

  test('an order that looked at the gate and did not ask leaves the probe to another', async () => {
    const { open, gate } = setup();
    for (let n = 0; n < 3; n++) await poll(gate, aReading.unavailable(), now);
    for (let n = 0; n < 5; n++) await gate.admit(now + 1_000);
    expect(await pass(open(), now + 1_000)).not.toHaveProperty('waitUntil');
  });

  test('an answered probe opens the gate to all, and is told once', async () => {
    const { keys, open, gate } = setup();
    for (let n = 0; n < 3; n++) await poll(gate, aReading.unavailable(), now);
    expect(await poll(gate, aReading.pending(), now + 1_000)).toBe('recovered');
    for (let n = 0; n < 3; n++)
      expect(await open().admit(now + 1_001)).toEqual({ troubled: false, probing: false });
    expect((await accountEvents(keys)).map(({ type }) => type)).toEqual([
      'account.degraded',
      'account.recovered',
    ]);
    expect(new Set((await accountEvents(keys)).map(({ id }) => id)).size).toBe(2);
  });

  test('polls that were under way when the pause began do not prolong it', async () => {
    const { gate } = setup();
    const underWay = await Promise.all(Array.from({ length: 30 }, () => admitted(gate, now)));
    for (const admission of underWay) await gate.report(admission, aReading.unavailable(), now + 5);
    expect(await gate.admit(now + 6)).toEqual({ waitUntil: now + 1_005 });
  });

  test('an account that is sick leaves another one alone', async () => {
    const { open, gate } = setup();
    for (let n = 0; n < 3; n++) await poll(gate, aReading.unavailable(), now);
    expect(await open({ account: 'shop2' }).admit(now + 1)).toEqual({ troubled: false, probing: false });
  });
});

describe('throttling', () => {
  test('rests the account for the time asked for, without calling it degraded', async () => {
    const { keys, open, gate } = setup();
    expect(await poll(gate, aReading.throttled(40_000), now)).toBeNull();
    expect(await open().admit(now + 39_999)).toEqual({ waitUntil: now + 40_000 });
    expect(await open().admit(now + 40_001)).toEqual({ troubled: true, probing: false });
    expect(await accountEvents(keys)).toEqual([]);
  });

  test('rests it for the configured time when none is asked for', async () => {
    const { gate } = setup();
    await poll(gate, { ...aReading.unavailable(), kind: 'unavailable', throttled: true }, now);
    expect(await gate.admit(now)).toEqual({ waitUntil: now + 500 });
  });

  test('of a poll that was under way counts too when it asks for a longer rest', async () => {
    const { gate } = setup();
    const underWay = await Promise.all(Array.from({ length: 3 }, () => admitted(gate, now)));
    const rests = [1_000, 60_000, 2_000];
    for (const [n, admission] of underWay.entries()) {
      await gate.report(admission, aReading.throttled(rests[n] ?? 0), now);
    }
    expect(await gate.admit(now + 1)).toEqual({ waitUntil: now + 60_000 });
  });

  test('that asks for more than the breaker would is obeyed when both pause', async () => {
    const { gate } = setup();
    for (let n = 0; n < 2; n++) await poll(gate, aReading.unavailable(), now);
    expect(await poll(gate, aReading.throttled(40_000), now)).toBe('degraded');
    expect(await gate.admit(now)).toEqual({ waitUntil: now + 40_000 });
  });
});

describe('locked credentials', () => {
  const locked = aReading.refused({ locksAccount: true });

  test('stop all asking, for ever, until others are used', async () => {
    const { keys, open, gate } = setup();
    expect(await poll(gate, locked, now)).toBe('degraded');
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

  test('are told once, however many polls were under way', async () => {
    const { keys, gate } = setup();
    const underWay = await Promise.all(Array.from({ length: 20 }, () => admitted(gate, now)));
    const changes = await Promise.all(underWay.map((admission) => gate.report(admission, locked, now)));
    expect(changes.filter((change) => change === 'degraded')).toHaveLength(1);
    expect(await accountEvents(keys)).toHaveLength(1);
  });

  test('are not unlocked by an answer to a poll that had been sent before', async () => {
    const { keys, gate } = setup();
    await poll(gate, aReading.unavailable(), now);
    const [first, second] = [await admitted(gate, now), await admitted(gate, now)];
    await gate.report(first, locked, now);
    expect(await gate.report(second, aReading.pending(), now + 1)).toBeNull();
    // An answer pushed to us is reported as if there had been trouble.
    expect(await gate.report({ troubled: true, probing: false }, aReading.pending(), now + 1)).toBeNull();
    expect(await gate.admit(now + 2)).toHaveProperty('waitUntil');
    expect((await accountEvents(keys)).map(({ type }) => type)).toEqual(['account.degraded']);
  });
});
