import { describe, expect, test } from 'vitest';
import { createRandom } from '../../bench/chaos/random.ts';
import { writeScript } from '../../bench/chaos/script.ts';
import { stories } from '../../bench/chaos/stories.ts';
import { simulatedOrderSchema } from '../../src/simulator/script.ts';

const options = { seed: 7, orders: 1_200, spanMs: 60_000, deadlineMs: 10_000, wildPushes: true, faulty: 0.5 };

describe('a script', () => {
  test('is the same for the same seed, and another one for another seed', () => {
    expect(writeScript(options)).toEqual(writeScript(options));
    expect(writeScript({ ...options, seed: 8 })).not.toEqual(writeScript(options));
  });

  test('gives the first orders the same fates however many follow', () => {
    const fates = (orders: number) =>
      writeScript({ ...options, orders })
        .slice(0, 10)
        .map(({ arrivesAtMs: _, ...fate }) => fate);
    expect(fates(10)).toEqual(fates(100));
  });

  test('holds only what the simulator takes, under references that no two orders share', () => {
    const script = writeScript(options);
    for (const { simulated, pushes } of script) {
      const callbacks = pushes.map((push) => ({ ...push, url: 'http://127.0.0.1:1/callbacks/a/b' }));
      expect(() => simulatedOrderSchema.parse({ ...simulated, callbacks })).not.toThrow();
    }
    expect(new Set(script.map(({ provider, simulated }) => `${provider} ${simulated.reference}`)).size).toBe(
      1_200,
    );
    expect(new Set(script.map(({ orderId }) => orderId)).size).toBe(1_200);
  });

  test('tells every story, lets orders arrive over the whole span, and pushes to nobody at Daraja', () => {
    const script = writeScript(options);
    expect(new Set(script.map(({ story }) => story))).toEqual(new Set(stories.map(({ name }) => name)));
    const arrivals = script.map(({ arrivesAtMs }) => arrivesAtMs);
    expect(Math.min(...arrivals)).toBeLessThan(1_000);
    expect(Math.max(...arrivals)).toBeGreaterThan(59_000);
    expect(Math.max(...arrivals)).toBeLessThanOrEqual(60_000);
    expect(script.filter(({ provider, pushes }) => provider === 'daraja' && pushes.length > 0)).toEqual([]);
    expect(script.some(({ pushes }) => pushes.some(({ form }) => form === 'forged'))).toBe(true);
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
