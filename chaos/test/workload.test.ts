import { describe, expect, test } from 'vitest';
import { simulatedOrderSchema } from '../../src/simulator/input.ts';
import { createRandom } from '../../test/support/random.ts';
import { badReference, behaviours } from '../behaviours.ts';
import { bringsItsPayment, liveAgain, writeWorkload } from '../workload.ts';

const options = { seed: 7, orders: 1_200, spanMs: 60_000, deadlineMs: 10_000, wildPushes: true, faulty: 0.5 };

describe('a script', () => {
  test('is the same for the same seed, and another one for another seed', () => {
    expect(writeWorkload(options)).toEqual(writeWorkload(options));
    expect(writeWorkload({ ...options, seed: 8 })).not.toEqual(writeWorkload(options));
  });

  test('gives the first orders the same fates however many follow', () => {
    const fates = (orders: number) =>
      writeWorkload({ ...options, orders })
        .slice(0, 10)
        .map(({ arrivesAtMs: _, ...fate }) => fate);
    expect(fates(10)).toEqual(fates(100));
  });

  test('holds only what the simulator takes, each payment once', () => {
    const script = writeWorkload(options);
    for (const { simulated, pushes } of script) {
      const callbacks = pushes.map((push) => ({ ...push, url: 'http://127.0.0.1:1/callbacks/a/b' }));
      expect(() => simulatedOrderSchema.parse({ ...simulated, callbacks })).not.toThrow();
    }
    const brought = script.filter(bringsItsPayment);
    const payments = new Set(brought.map(({ provider, simulated }) => `${provider} ${simulated.reference}`));
    expect(payments.size).toBe(brought.length);
    expect(new Set(script.map(({ orderId }) => orderId)).size).toBe(1_200);
  });

  test('tells every behaviour, lets orders arrive over the whole span, and pushes to nobody at Daraja', () => {
    const script = writeWorkload(options);
    expect(new Set(script.map(({ behaviour }) => behaviour))).toEqual(
      new Set([...behaviours, badReference].map(({ name }) => name)),
    );
    const arrivals = script.map(({ arrivesAtMs }) => arrivesAtMs);
    expect(Math.min(...arrivals)).toBeLessThan(1_000);
    expect(Math.max(...arrivals)).toBeGreaterThan(59_000);
    expect(Math.max(...arrivals)).toBeLessThanOrEqual(60_000);
    expect(script.filter(({ provider, pushes }) => provider === 'daraja' && pushes.length > 0)).toEqual([]);
    expect(script.some(({ pushes }) => pushes.some(({ form }) => form === 'forged'))).toBe(true);
  });
});

describe('orders that speak of one payment', () => {
  const script = writeWorkload(options);
  const shared = script.filter(({ isShared }) => isShared);

  test('come by in every way, and all else about them is their own', () => {
    const ways = new Set(shared.map(({ sharing }) => sharing));
    expect(ways).toEqual(new Set([null, 'same reference', 'same receipt', 'receipt as reference']));
    for (const { sharing, input } of shared.filter((order) => order.sharing === 'same reference')) {
      const same = shared.filter((other) => other.input.reference === input.reference);
      expect(same.length, `${sharing} ${input.orderId}`).toBeGreaterThan(1);
    }
  });

  test('come before and after the order whose payment it is', () => {
    const gaps = shared
      .filter((order) => !bringsItsPayment(order))
      .map(({ simulated, arrivesAtMs }) => {
        const leader = shared.find((other) => bringsItsPayment(other) && other.simulated === simulated);
        return arrivesAtMs - (leader?.arrivesAtMs ?? Number.NaN);
      });
    expect(Math.min(...gaps)).toBeLessThan(0);
    expect(Math.max(...gaps)).toBeGreaterThan(3_000);
  });

  test('speak of one amount: a receipt that is found by two references is one payment', () => {
    const amounts = new Map<string, Set<string>>();
    for (const { provider, simulated, input } of shared) {
      const payment = `${provider} ${simulated.receipt ?? simulated.reference}`;
      amounts.set(
        payment,
        (amounts.get(payment) ?? new Set()).add(simulated.amount).add(String(input.amount)),
      );
    }
    expect([...amounts.values()].filter(({ size }) => size > 1)).toEqual([]);
  });

  test('are left out on request', () => {
    expect(writeWorkload({ ...options, shared: 0 }).filter(({ isShared }) => isShared)).toEqual([]);
  });
});

describe('further workload', () => {
  const script = writeWorkload(options);

  test('some orders are in a storm of hints, and none of those at Daraja in one of pushes', () => {
    const storms = script.map(({ provider, storm }) => `${provider} ${storm}`);
    expect(storms).toContain('daraja polls');
    expect(storms).toContain('jenga pushes');
    expect(storms).not.toContain('daraja pushes');
  });

  test('a bad reference is never answered', () => {
    const bad = script.filter(({ behaviour }) => behaviour === badReference.name);
    expect(bad.length).toBeGreaterThan(10);
    for (const { simulated } of bad) expect(simulated.faults?.[0]).toEqual({ kind: expect.any(String) });
  });

  test('an id that is used again names another payment', () => {
    const [first] = script;
    if (first === undefined) throw new Error('The script is empty.');
    const second = liveAgain(first, createRandom(1));
    expect(second).toMatchObject({ orderId: first.orderId, earlierLives: 1, isShared: false });
    expect(second.simulated.reference).not.toBe(first.simulated.reference);
  });
});

describe('the source of chance', () => {
  test('stays within its bounds and reaches both ends', () => {
    const random = createRandom(1);
    const drawn = Array.from({ length: 1_000 }, () => random.between(3, 7));
    expect(new Set(drawn)).toEqual(new Set([3, 4, 5, 6, 7]));
  });

  test('forks into sources that do not depend on what was drawn before', () => {
    const [fresh, used] = [createRandom(5), createRandom(5)];
    used.next();
    expect(used.fork('a').next()).toBe(fresh.fork('a').next());
    expect(fresh.fork('a').next()).not.toBe(fresh.fork('b').next());
  });
});

describe('orders whose payment is only on the statement', () => {
  const script = writeWorkload({ ...options, providers: ['daraja-stk'], shared: 0, onStatement: 0.5 });
  const named = script.filter(({ statement }) => statement !== null);

  test('are as many as asked for, in time and late, each with a receipt of its own', () => {
    expect(named.length).toBeGreaterThan(script.length * 0.4);
    expect(named.length).toBeLessThan(script.length * 0.6);
    expect(new Set(named.map(({ statement }) => statement?.isLate))).toEqual(new Set([true, false]));
    expect(new Set(named.map(({ statement }) => statement?.receipt)).size).toBe(named.length);
  });

  test('never get money by the word of their provider; the others may', () => {
    const saysPaid = ({ simulated }: (typeof script)[number]) =>
      simulated.timeline.some(({ state }) => state === 'paid' || state === 'partly-paid');
    expect(named.filter(saysPaid)).toEqual([]);
    expect(script.some(saysPaid)).toBe(true);
  });

  test('are none unless asked for', () => {
    expect(writeWorkload(options).filter(({ statement }) => statement !== null)).toEqual([]);
  });
});
