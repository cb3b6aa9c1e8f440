import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChangedProviders } from '../../src/orders/changed-providers.ts';
import { nextLookAt } from '../../src/workers/changed-provider.ts';
import { pollOrder } from '../../src/workers/poll-worker.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { type HeldGateway, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder, hurried } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
let gateway: HeldGateway;
beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

/** An order that was accepted while its account was one of Jenga's; its deadline is over soon. */
function ofJenga(orderId: string) {
  return aHurriedOrder({ orderId, provider: 'jenga', schedule: { ...hurried, deadlineMs: 50 } });
}

describe('an order whose account was pointed at another provider', () => {
  test('is not asked about, not even at its deadline, and looked at again later', async () => {
    const { startWorker, enqueue, store, events, changed, errors } = setupParts(
      redis,
      testPrefix(),
      gateway.url,
    );
    gateway.say('paid', 'strayed:1');
    const order = ofJenga('strayed:1');
    await startWorker();
    await enqueue(order);
    const record = await until('the order is put off', async () => {
      const read = await store.read('strayed:1');
      return read !== null && (read.nextPollAt ?? 0) > Date.now() + 20_000 && read;
    });
    expect(changed).toEqual(['strayed:1']);
    expect(gateway.arrivals('strayed:1')).toEqual([]);
    expect(await events()).toEqual([]);
    expect(record).toMatchObject({ order, progress: { phase: 'asking', polls: 0 }, history: [] });
    expect(errors).toEqual([]);
  });

  test('keeps what was pushed to it, and is asked about once its account has its provider back', async () => {
    const { parts, enqueue, store, events } = setupParts(redis, testPrefix(), gateway.url);
    gateway.say('paid', 'strayed:2');
    await enqueue(ofJenga('strayed:2'));
    expect(await pollOrder(parts, 'strayed:2')).toBeGreaterThan(Date.now() + 20_000);
    expect(await pollOrder({ ...parts, provider: 'jenga' }, 'strayed:2')).toBeNull();
    const [event] = await events();
    expect(event?.data).toMatchObject({ status: 'paid', provider: 'jenga', polls: 1 });
    // Closed: nothing is left to put off.
    expect(await pollOrder(parts, 'strayed:2')).toBeNull();
    expect(await store.read('strayed:2')).toMatchObject({ nextPollAt: null });
  });

  test('is put off in vain by a process that is behind: the other one has moved it', async () => {
    const { parts, enqueue, store } = setupParts(redis, testPrefix(), gateway.url);
    await enqueue(ofJenga('strayed:3'));
    const turns = await Promise.all([
      pollOrder(parts, 'strayed:3'),
      pollOrder({ ...parts, provider: 'jenga' }, 'strayed:3'),
      pollOrder(parts, 'strayed:3'),
    ]);
    expect(turns.every((at) => at !== null)).toBe(true);
    expect(await store.read('strayed:3')).toMatchObject({ progress: { polls: 1 } });
  });

  test('is a conflict when it is submitted again while open, and the same once closed', async () => {
    const { parts, enqueue, store } = setupParts(redis, testPrefix(), gateway.url);
    const before = ofJenga('strayed:4');
    const now = { ...before, provider: 'lipia' };
    expect(await enqueue(before)).toEqual([{ outcome: 'new' }]);
    const record = await store.read('strayed:4');
    expect(await enqueue(now)).toEqual([{ outcome: 'conflict' }]);
    expect(await enqueue(before)).toEqual([{ outcome: 'same' }]);
    expect(await store.read('strayed:4')).toEqual(record);
    gateway.say('paid', 'strayed:4');
    await pollOrder({ ...parts, provider: 'jenga' }, 'strayed:4');
    expect(await enqueue(now)).toEqual([{ outcome: 'same' }]);
  });

  test('is found among the open ones, with the provider that it had', async () => {
    const { keys, enqueue, store } = setupParts(redis, testPrefix(), gateway.url);
    await enqueue(ofJenga('strayed:5'), ofJenga('strayed:6'), aHurriedOrder({ orderId: 'at-home' }));
    const find = (provider: string) =>
      findChangedProviders(redis, keys, store, new Map([['lipia', provider]]));
    expect(await find('lipia')).toEqual([
      {
        account: 'lipia',
        before: 'jenga',
        now: 'lipia',
        orders: 2,
        example: expect.stringMatching(/^strayed/),
      },
    ]);
    expect(await find('jenga')).toMatchObject([{ before: 'lipia', orders: 1, example: 'at-home' }]);
    expect(await findChangedProviders(redis, keys, store, new Map())).toEqual([]);
  });
});

test('the next look is 30 s to an hour ahead, the later the older the order is', () => {
  const age = fc.integer({ min: -600_000, max: 90 * 86_400_000 });
  fc.assert(
    fc.property(age, age, (younger, older) => {
      const [young, old] = [Math.min(younger, older), Math.max(younger, older)];
      const wait = (ageMs: number) => nextLookAt(1_000_000 - ageMs, 1_000_000) - 1_000_000;
      expect(wait(young)).toBeGreaterThanOrEqual(30_000);
      expect(wait(old)).toBeLessThanOrEqual(3_600_000);
      expect(wait(young)).toBeLessThanOrEqual(wait(old));
    }),
  );
});
