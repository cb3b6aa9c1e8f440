import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { endAfterMs } from '../../src/alerts/advance.ts';
import { createAlertStore } from '../../src/alerts/alert-store.ts';
import type { Figures } from '../../src/alerts/evaluate.ts';
import { startNotifier } from '../../src/alerts/notifier.ts';
import { noteContradicted } from '../../src/orders/contradicted.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { createAddressGuard } from '../../src/webhooks/address-guard.ts';
import { createWebhookSender } from '../../src/webhooks/send.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { startRunningService } from '../support/running-service.ts';
import { eventually, until } from '../support/waiting.ts';
import { answer, startReceiver } from '../webhooks/receiver.ts';

const underpaid: Figures = new Map([['underpaid_orders', [{ labels: { account: 'lipia' }, value: 1 }]]]);
const nothing: Figures = new Map();

async function setup() {
  const receiver = await startReceiver();
  const [redis, keys] = [testRedis(), createKeys(testPrefix())];
  const world = { figures: underpaid, now: 0, undelivered: [] as string[] };

  /** One process. `evaluations` counts those that it was allowed to make. */
  function start() {
    const counted = { evaluations: 0 };
    const guard = createAddressGuard(['loopback']);
    const sender = createWebhookSender({ url: receiver.url, guard, timeoutMs: 60_000, connections: 1 });
    const notifier = startNotifier({
      store: createAlertStore(redis, keys, randomUUID(), 300_000),
      sender,
      async measure() {
        counted.evaluations += 1;
        return world.figures;
      },
      now: () => world.now,
      everyMs: 5,
      undelivered: (text) => world.undelivered.push(text),
      failed(error) {
        throw error;
      },
    });
    let closed: Promise<void> | null = null;
    const close = () => {
      closed ??= notifier.close().then(() => sender.close());
      return closed;
    };
    onTestFinished(close);
    return { counted, close };
  }

  const texts = () => receiver.received.map(({ event }) => String(event.text));
  return { receiver, redis, keys, world, start, texts };
}

test('an alert sends one message when it begins and one when it ends, from one of all processes', async () => {
  const { world, start, texts, redis, keys } = await setup();
  const first = start();
  await until('a message', () => texts().length > 0);
  const second = start();
  const before = first.counted.evaluations;
  await until('more evaluations', () => first.counted.evaluations > before + 5);
  expect(second.counted.evaluations).toBe(0);
  expect(texts()).toEqual([
    expect.stringMatching(/^\[critical\] MoneyUnderpaid: 1 orders at lipia were paid with less money/),
  ]);

  // The second one takes over where the first one was.
  await first.close();
  await until('an evaluation of the second process', () => second.counted.evaluations > 5);
  expect(texts()).toHaveLength(1);

  world.figures = nothing;
  // An evaluation under way may have seen the alert still: at the later time it would begin to wait anew.
  const seen = second.counted.evaluations;
  await until('evaluations without it', () => second.counted.evaluations > seen + 1);
  world.now = endAfterMs;
  await until('the end', () => texts().length > 1);
  await eventually(async () => expect(await redis.exists(keys.alerts)).toBe(0));
  expect(texts()[1]).toMatch(/^Resolved: MoneyUnderpaid: /);
  const later = second.counted.evaluations;
  await until('more evaluations', () => second.counted.evaluations > later + 5);
  expect(texts()).toHaveLength(2);
});

test('a message that is not accepted is sent again until it is', async () => {
  const { receiver, world, start, texts } = await setup();
  receiver.behaveLike((request, response, nth) => answer(nth < 3 ? 500 : 204)(request, response, nth));
  const { counted } = start();
  await until('the third attempt', () => texts().length === 3);
  const before = counted.evaluations;
  await until('more evaluations', () => counted.evaluations > before + 5);
  expect(world.undelivered).toEqual(['HTTP 500', 'HTTP 500']);
  expect(new Set(texts()).size).toBe(1);
  expect(texts()).toHaveLength(3);
});

test('a state that another program wrote is replaced', async () => {
  const { redis, keys, start, texts } = await setup();
  await redis.hset(keys.alerts, 'MoneyUnderpaid lipia', 'nonsense');
  start();
  await until('a message', () => texts().length > 0);
});

test('the service sends its alerts to NOTIFY_WEBHOOK_URL', async () => {
  const receiver = await startReceiver();
  const prefix = testPrefix();
  const [redis, keys] = [testRedis(), createKeys(prefix)];
  await noteContradicted(redis, keys, 'ord-1', Date.now());
  const service = await startRunningService({
    ...{ prefix, accounts: 'lipia' },
    environment: { NOTIFY_WEBHOOK_URL: receiver.url, WEBHOOK_ALLOWED_ADDRESSES: 'loopback' },
  });
  onTestFinished(() => service.close());
  const [request] = await until('a message', () => receiver.received[0] && receiver.received);
  expect(request?.headers['content-type']).toBe('application/json');
  expect(request?.event).toEqual({
    text: expect.stringMatching(/^\[critical\] StatementContradictsPaid: [^\n]+\n[^\n]+$/),
  });
});

test('a private address receives nothing unless it is allowed, and the log does not show the whole URL', async () => {
  const receiver = await startReceiver();
  const prefix = testPrefix();
  await noteContradicted(testRedis(), createKeys(prefix), 'ord-1', Date.now());
  const lines: string[] = [];
  const service = await startRunningService({
    ...{ prefix, accounts: 'lipia', log: (line: string) => void lines.push(line) },
    environment: { NOTIFY_WEBHOOK_URL: receiver.url },
  });
  onTestFinished(() => service.close());
  const line = await until('the log line', () => lines.find((each) => each.includes('NOTIFY_WEBHOOK_URL')));
  expect(line).toContain('not sent: the address is not public');
  expect(line).not.toContain('/hook');
  expect(receiver.received).toEqual([]);
});

test('the figures of the alerts come from Redis', async () => {
  const service = await startRunningService({ accounts: 'lipia' });
  onTestFinished(() => service.close());
  const keys = createKeys(service.prefix);
  await testRedis().xgroup('CREATE', keys.results, 'shop', '0', 'MKSTREAM');
  const timeline = [{ afterMs: 0, state: 'paid' as const }];
  const order = { reference: 'R1', amount: '5.00' };
  service.simulator.script({ provider: 'lipia', ...order, amountPaid: '2.00', timeline });
  await service.enqueue({ ...order, orderId: 'ord-1', account: 'lipia' });
  await eventually(async () =>
    expect(await service.metric('payment_poller_underpaid_orders{account="lipia"}')).toBe(1),
  );
  await eventually(async () =>
    expect(await service.metric('payment_poller_group_oldest_seconds{group="shop"}')).toBeGreaterThan(0),
  );
  expect(await service.metric('payment_poller_consumer_groups')).toBe(1);
  expect(await service.metric('payment_poller_result_entries')).toBe(1);
  expect(await service.metric('payment_poller_newest_order_seconds')).toBeGreaterThan(0);
  expect(await service.metric('payment_poller_redis_memory_ratio')).toBeGreaterThan(0);
});
