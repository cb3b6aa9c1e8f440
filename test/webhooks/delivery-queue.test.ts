import { describe, expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.ts';
import { readDeadLetters } from '../../src/webhooks/dead-letters.ts';
import { readDeliveries } from '../../src/webhooks/deliveries.ts';
import {
  type AttemptOutcome,
  createDeliveryQueue,
  type LeasedResult,
  queueDelivery,
} from '../../src/webhooks/delivery-queue.ts';
import { enableEndpoint, readEndpointState } from '../../src/webhooks/endpoint-state.ts';
import { resendEvents, resendFailed } from '../../src/webhooks/resend.ts';
import { aResult, publish } from '../results/publish.ts';
import { createdAt } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const endpoint = 'shop';
const url = 'https://shop.example/hook';
const delivered = { outcome: 'delivered', answer: 'HTTP 200' } as const;
const failed = { outcome: 'failed', answer: 'HTTP 500' } as const;
const retryAfter = (delayMs: number) => ({ outcome: 'retry', delayMs, answer: 'HTTP 500' }) as const;

function setup({ leaseMs = 60_000, pauseMs = 60_000 } = {}) {
  const redis = testRedis();
  const keys = createKeys(testPrefix());
  const parts = { redis, keys, deliveriesLifeMs: 60_000 };
  const open = (at = url) =>
    createDeliveryQueue({ ...parts, leaseMs, pauseMs, maxPauseMs: 8 * pauseMs }, { name: endpoint, url: at });
  const target = { redis, keys, retentionMs: 60_000, endpoint };
  return {
    ...{ redis, keys, target, queue: open(), open },
    add: (orderId: string, version = 1, status: 'paid' | 'unresolved' = 'paid', at?: number) =>
      queueDelivery(parts, endpoint, aResult(orderId, version, status, at)),
    deliveries: (orderId: string) => readDeliveries(redis, keys, orderId),
    state: () => readEndpointState(redis, keys, endpoint),
    async deadLetters() {
      const found: string[] = [];
      for await (const { eventId } of readDeadLetters(redis, keys, endpoint)) found.push(eventId);
      return found;
    },
    /** Takes the only result that is due. */
    async takeOne(queue = open()): Promise<LeasedResult> {
      const { results } = await queue.take(10);
      expect(results).toHaveLength(1);
      return results[0] as LeasedResult;
    },
    /** Ends the lease or delay of an order, as time would. */
    makeDue: (orderId: string) => redis.zadd(keys.webhook(endpoint, 'due'), 1, orderId),
  };
}

const ids = (results: readonly LeasedResult[]) => results.map(({ eventId }) => eventId);

describe('queueing a result', () => {
  test('is done once, however often the result is handled', async () => {
    const { add, queue, takeOne } = setup();
    await add('ord-1');
    await add('ord-1');
    await queue.finish(await takeOne(), delivered);
    await add('ord-1');
    expect((await queue.take(10)).results).toEqual([]);
  });

  test('is done again for another order under an id that was used before', async () => {
    const { add, queue, takeOne } = setup();
    await add('ord-1');
    await queue.finish(await takeOne(), delivered);
    await add('ord-1', 1, 'unresolved', createdAt + 100 * 86_400_000);
    expect((await takeOne()).type).toBe('payment.unresolved');
  });

  test('repairs keys that something else has overwritten', async () => {
    const { add, redis, keys, queue, takeOne, state } = setup();
    for (const part of ['due', 'since', 'attempts', 'failed', 'dead-letters'] as const)
      await redis.set(keys.webhook(endpoint, part), 'foreign');
    await redis.set(keys.webhookQueue(endpoint, 'ord-1'), 'foreign');
    await redis.set(keys.deliveries('ord-1'), 'foreign');
    await add('ord-1');
    for (const part of ['state', 'failing'] as const)
      await redis.set(keys.webhook(endpoint, part), 'foreign');
    await queue.finish(await takeOne(), failed);
    expect(await state()).toMatchObject({ queued: 0, deadLetters: 1 });
  });
});

describe('results of one order', () => {
  test('are taken one at a time, in version order', async () => {
    const { add, queue, takeOne } = setup();
    await add('ord-1', 1, 'unresolved');
    await add('ord-1', 2);
    await add('ord-2');
    const first = await queue.take(10);
    expect(ids(first.results).toSorted()).toEqual(['ord-1:1', 'ord-2:1']);
    expect((await queue.take(10)).results).toEqual([]);
    for (const result of first.results) await queue.finish(result, delivered);
    expect((await takeOne()).eventId).toBe('ord-1:2');
  });

  test('wait for the oldest until it was delivered or given up', async () => {
    const { add, queue, takeOne, makeDue, deadLetters } = setup();
    await add('ord-1', 1, 'unresolved');
    await add('ord-1', 2);
    await queue.finish(await takeOne(), retryAfter(60_000));
    expect((await queue.take(10)).results).toEqual([]);
    await makeDue('ord-1');
    const again = await takeOne();
    expect(again).toMatchObject({ eventId: 'ord-1:1', attempt: 2 });
    await queue.finish(again, failed);
    expect(await deadLetters()).toEqual(['ord-1:1']);
    expect(await takeOne()).toMatchObject({ eventId: 'ord-1:2', attempt: 1 });
  });
});

describe('a process that died or was frozen', () => {
  test('loses its lease, and another one sends the result', async () => {
    const { add, takeOne, makeDue } = setup();
    await add('ord-1');
    const dead = await takeOne();
    await makeDue('ord-1');
    const other = await takeOne();
    expect(other).toMatchObject({ eventId: dead.eventId, attempt: 2 });
    expect(other.token).not.toBe(dead.token);
  });

  test.each<AttemptOutcome>([retryAfter(0), failed, { outcome: 'disabled', answer: 'HTTP 410' }])(
    'does not disturb the one that took over: $outcome',
    async (outcome) => {
      const { add, queue, takeOne, makeDue, state } = setup();
      await add('ord-1');
      const frozen = await takeOne();
      await makeDue('ord-1');
      const other = await takeOne();
      expect(await queue.finish(frozen, outcome)).toBe('lost');
      expect(await state()).toMatchObject({ queued: 1, deadLetters: 0, disabled: null });
      expect((await queue.take(10)).results).toEqual([]);
      expect(await queue.finish(other, delivered)).toBe('done');
      expect(await state()).toMatchObject({ queued: 0 });
    },
  );

  test('that delivered after all counts, and the next version waits for the other process', async () => {
    const { add, queue, takeOne, makeDue } = setup();
    await add('ord-1', 1, 'unresolved');
    await add('ord-1', 2);
    const frozen = await takeOne();
    await makeDue('ord-1');
    const other = await takeOne();
    await queue.finish(frozen, delivered);
    expect((await queue.take(10)).results).toEqual([]);
    await queue.finish(other, retryAfter(60_000));
    expect((await takeOne()).eventId).toBe('ord-1:2');
  });

  test('between two lines loses no result: what is left of one key is enough', async () => {
    const { add, redis, keys, takeOne, queue } = setup();
    await add('ord-1');
    await redis.del(keys.webhook(endpoint, 'due'));
    const result = await takeOne();
    await queue.finish(result, retryAfter(0));
    await redis.del(keys.webhook(endpoint, 'since'), keys.webhook(endpoint, 'attempts'));
    expect((await takeOne()).eventId).toBe('ord-1:1');
  });
});

test('a process that stops releases its result without counting the attempt', async () => {
  const { add, queue, takeOne } = setup();
  await add('ord-1');
  await queue.finish(await takeOne(), { outcome: 'released', answer: '' });
  expect(await takeOne()).toMatchObject({ eventId: 'ord-1:1', attempt: 1 });
});

test('an entry that cannot be parsed, or a queue that was deleted, stops nothing', async () => {
  const { add, queue, redis, keys, takeOne, state } = setup();
  await add('ord-1');
  await add('ord-2');
  await redis.del(keys.webhookQueue(endpoint, 'ord-1'));
  await redis.lpush(keys.webhookQueue(endpoint, 'ord-2'), 'foreign');
  expect((await queue.take(10)).results).toEqual([]);
  expect((await takeOne()).eventId).toBe('ord-2:1');
  expect(await state()).toMatchObject({ queued: 1 });
});

describe('the circuit breaker', () => {
  let orders = 0;
  /** Lets so many further orders fail; returns the answer to the last one. */
  const fail = async ({ add, queue, takeOne }: ReturnType<typeof setup>, count: number) => {
    let last = '';
    for (let nth = 0; nth < count; nth += 1) {
      orders += 1;
      await add(`bad-${orders}`);
      last = await queue.finish(await takeOne(), retryAfter(60_000));
    }
    return last;
  };

  test('opens when five orders have failed since the last success', async () => {
    const parts = setup();
    const { add, queue, takeOne, state } = parts;
    expect(await fail(parts, 4)).toBe('done');
    await add('good');
    await queue.finish(await takeOne(), delivered);
    expect(await fail(parts, 4)).toBe('done');
    expect((await queue.take(10)).state).toBe('ready');
    expect(await fail(parts, 1)).toBe('opened');
    expect((await queue.take(10)).state).toBe('open');
    expect(await state()).toMatchObject({ isOpen: true, queued: 9 });
  });

  test('makes no attempt while it is open, then a single one, and closes with the first success', async () => {
    const parts = setup();
    const { add, queue, redis, keys, state, takeOne } = parts;
    expect(await fail(parts, 5)).toBe('opened');
    for (const orderId of ['a', 'b', 'c']) await add(orderId);
    const taken = await queue.take(10);
    expect(taken).toMatchObject({ state: 'open', results: [] });
    expect(taken.waitMs).toBeGreaterThan(30_000);
    expect(await state()).toMatchObject({ isOpen: true });
    await redis.hset(keys.webhook(endpoint, 'state'), 'openUntil', '1');
    const probe = await takeOne();
    expect((await queue.take(10)).state).toBe('open');
    await queue.finish(probe, delivered);
    expect(ids((await queue.take(10)).results)).toHaveLength(2);
    expect(await state()).toMatchObject({ isOpen: false });
  });

  test('lengthens its pause with every probe that fails, and lets another process probe if one dies', async () => {
    const parts = setup();
    const { add, queue, redis, keys, takeOne, makeDue } = parts;
    await fail(parts, 5);
    await add('a');
    const expire = () => redis.hset(keys.webhook(endpoint, 'state'), 'openUntil', '1');
    await expire();
    await queue.finish(await takeOne(), retryAfter(60_000));
    expect((await queue.take(10)).waitMs).toBeGreaterThan(90_000);
    await expire();
    await makeDue('a');
    const dead = await takeOne();
    await expire();
    await makeDue('a');
    expect((await takeOne()).eventId).toBe(dead.eventId);
  });

  test('does not open for a single order that keeps failing', async () => {
    const { add, queue, takeOne, makeDue } = setup();
    await add('poison');
    for (let nth = 0; nth < 10; nth += 1) {
      await queue.finish(await takeOne(), retryAfter(60_000));
      await makeDue('poison');
    }
    expect((await queue.take(10)).state).toBe('ready');
  });
});

describe('an endpoint that answered 410', () => {
  test('gets nothing until it is enabled, or has another URL', async () => {
    const { add, queue, open, takeOne, redis, keys } = setup();
    const disable = async (at = queue) => {
      await at.finish(await takeOne(at), { outcome: 'disabled', answer: 'HTTP 410' });
      expect(await at.take(10)).toMatchObject({ state: 'disabled', results: [] });
    };
    await add('ord-1');
    await disable();
    await enableEndpoint(redis, keys, endpoint);
    await disable();
    const moved = open('https://shop.example/new');
    expect((await takeOne(moved)).eventId).toBe('ord-1:1');
  });

  test('keeps its results as dead letters once they are too old', async () => {
    const { add, queue, takeOne, deadLetters, deliveries } = setup();
    await add('ord-1');
    await queue.finish(await takeOne(), { outcome: 'disabled', answer: 'HTTP 410' });
    expect(await queue.olderThan(1)).toEqual([]);
    const [old] = await queue.olderThan(Number.MAX_SAFE_INTEGER);
    expect(await queue.finish(old as LeasedResult, { outcome: 'failed', answer: 'too old' })).toBe('done');
    expect(await deadLetters()).toEqual(['ord-1:1']);
    expect(await deliveries('ord-1')).toMatchObject([{ state: 'failed', answer: 'too old' }]);
  });
});

describe('a result to resend', () => {
  test('that was given up is sent again, before newer ones of its order', async () => {
    const { add, queue, takeOne, target, deadLetters, state } = setup();
    await add('ord-1', 1, 'unresolved');
    await queue.finish(await takeOne(), failed);
    await add('ord-1', 2);
    expect(await resendFailed(target)).toBe(1);
    expect(await deadLetters()).toEqual([]);
    const first = await takeOne();
    expect(first).toMatchObject({ eventId: 'ord-1:1', attempt: 1 });
    await queue.finish(first, delivered);
    await queue.finish(await takeOne(), delivered);
    expect(await state()).toMatchObject({ queued: 0, oldestAt: null });
  });

  test('that is retried already is due now, and queued only once', async () => {
    const { add, queue, takeOne, target, redis, keys } = setup();
    await publish(redis, keys.prefix, aResult('ord-1'));
    await add('ord-1');
    await queue.finish(await takeOne(), failed);
    await resendFailed(target);
    await queue.finish(await takeOne(), retryAfter(60_000));
    await queueDelivery({ redis, keys, deliveriesLifeMs: 60_000 }, endpoint, aResult('ord-1'), 'resend');
    await queue.finish(await takeOne(), delivered);
    expect((await queue.take(10)).results).toEqual([]);
  });

  test('while it is being sent changes nothing', async () => {
    const { add, queue, takeOne, redis, keys } = setup();
    await add('ord-1');
    const result = await takeOne();
    await queueDelivery({ redis, keys, deliveriesLifeMs: 60_000 }, endpoint, aResult('ord-1'), 'resend');
    expect((await queue.take(10)).results).toEqual([]);
    expect(await queue.finish(result, delivered)).toBe('done');
    expect((await queue.take(10)).results).toEqual([]);
  });

  test('that nobody knows is reported', async () => {
    const { target } = setup();
    expect(await resendEvents(target, ['ord-9:1', 'nonsense'])).toEqual({
      sent: 0,
      missing: ['ord-9:1', 'nonsense'],
    });
  });
});
