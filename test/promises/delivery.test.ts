import { expect, onTestFinished, test } from 'vitest';
import { createPollQueue, jobIdOf } from '../../src/jobs/queue.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { startServiceProcess } from '../support/crash-service.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { testApiKey } from '../support/running-service.ts';
import { orderOf, type Story, setupWorld, toldOf } from '../support/service-run.ts';
import { until } from '../support/waiting.ts';

const story = (n: number, afterMs = 0): Story => ({
  ...{ provider: 'lipia', orderId: `order-${n}` },
  timeline: [
    { afterMs: 0, state: 'pending' },
    { afterMs, state: 'paid' },
  ],
});

test.runIf(redisServer)('2. An acknowledged order is never lost', async () => {
  const server = await startRestartableRedis();
  const redis = connectRedis(server.url, 'patient');
  onTestFinished(() => redis.disconnect());
  const world = await setupWorld({ accounts: 'lipia', redis, redisUrl: server.url });
  const { simulator, producer, environment, verdicts, start, events } = world;
  // The first service is killed during polls and Redis while orders are enqueued, then both are restarted.
  const first = await startServiceProcess('worker', { ...environment, PORT: '0' });
  const count = 80;
  const acknowledged: string[] = [];
  let isDown: Promise<void> | null = null;
  for (let n = 0; n < count; n++) {
    const next = story(n, 300);
    simulator.script({
      provider: 'lipia',
      reference: String(orderOf(next).reference),
      amount: '100.00',
      timeline: next.timeline,
    });
    if (n === 30) await until('a first verdict', async () => (await events()).length > 0);
    if (n === 40) await first.kill();
    if (n === 50) isDown = server.kill().then(() => server.start());
    await until('the order to be taken', async () => {
      // Like a checkout, retry until the order is acknowledged.
      const result = await producer.enqueue(orderOf(next)).catch(() => null);
      return result !== null && /new|same/.test(result.outcome);
    });
    acknowledged.push(next.orderId);
  }
  await isDown;
  await start(['worker'], { PORT: '0' });
  await verdicts(count);
  expect(toldOf(await events())).toEqual(Object.fromEntries(acknowledged.map((id) => [id, ['paid']])));
});

test('3. Every verdict is published exactly once', async () => {
  const { environment, follow, rescript, verdicts, start, events } = await setupWorld({
    accounts: 'lipia,jenga',
  });
  const alone = { ...environment, PORT: '0' };
  const dying = await Promise.all([1, 2].map(() => startServiceProcess('worker', alone)));
  const turning: Story[] = Array.from({ length: 30 }, (_, n) => ({
    ...{ provider: n % 2 === 0 ? 'lipia' : 'jenga', orderId: `turns-${n}` },
    timeline: [{ afterMs: 0, state: 'failed:cancelled' }],
  }));
  const others = Array.from({ length: 60 }, (_, n) => story(n, 500 + 20 * n));
  await follow(...turning, ...others);
  // One dies in the middle of the first verdicts, the other in the middle of the corrections.
  await until('some verdicts', async () => (await events()).length >= 10);
  await dying[0]?.kill();
  await start(['worker'], { PORT: '0' });
  await verdicts(90);
  rescript(...turning.map((each) => ({ ...each, timeline: [{ afterMs: 0, state: 'paid' as const }] })));
  await until('some corrections', async () => (await events()).length >= 95);
  await dying[1]?.kill();
  const all = await verdicts(120);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  const versions = new Map<string, number>();
  for (const { subject, stateversion, id } of all) {
    expect(id).toBe(`${subject}:${stateversion}`);
    expect(stateversion, subject).toBe((versions.get(subject) ?? 0) + 1);
    versions.set(subject, stateversion);
  }
  expect(toldOf(all)).toEqual({
    ...Object.fromEntries(turning.map(({ orderId }) => [orderId, ['failed/cancelled', 'paid']])),
    ...Object.fromEntries(others.map(({ orderId }) => [orderId, ['paid']])),
  });
});

test('9. Enqueue is idempotent', async () => {
  const { start, url, verdicts, simulator, redis, keys, events } = await setupWorld({ accounts: 'lipia' });
  await start();
  const order = orderOf(story(1));
  simulator.script({
    ...{ provider: 'lipia', reference: String(order.reference), amount: '100.00' },
    timeline: [{ afterMs: 0, state: 'paid' }],
  });
  const post = async (body: object) => {
    const answer = await fetch(`${url}/v1/orders`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testApiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  };
  const together = await Promise.all(Array.from({ length: 20 }, () => post(order)));
  expect(together.map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 201]);
  await verdicts(1);
  await until('the order to rest', async () => (await redis.zcard(keys.open)) === 0);
  const record = await redis.hgetall(keys.order(order.orderId));
  expect(await post(order)).toMatchObject({ status: 200, body: { outcome: 'same' } });
  for (const other of [{ amount: '100.01' }, { reference: 'f'.repeat(24) }]) {
    expect(await post({ ...order, ...other })).toMatchObject({ status: 409 });
  }
  expect(await redis.hgetall(keys.order(order.orderId))).toEqual(record);
  expect(await events()).toHaveLength(1);
});

test('10. Nothing stalls silently', async () => {
  const { start, follow, verdicts, url, redis, keys } = await setupWorld({
    accounts: 'lipia',
    settings: { FIRST_POLL_AFTER_MS: '60000' },
  });
  await start();
  const stories = Array.from({ length: 20 }, (_, n) => story(n));
  await follow(...stories);
  const queue = createPollQueue(redis, keys, 'lipia');
  onTestFinished(() => queue.close());
  await (await queue.getJob(jobIdOf('order-0')))?.remove();
  await redis.zrem(keys.open, 'order-1');
  const swept = async () =>
    (await (await fetch(`${url}/metrics`)).text()).match(/^payment_poller_swept_total.*$/gm);
  await until('the sweeper to say what it mended', async () => ((await swept())?.length ?? 0) >= 2);
  for (const kind of ['missing-from-open', 'record-without-job']) {
    expect((await swept())?.join('\n')).toContain(`{kind="${kind}"} 1`);
  }
  await queue.obliterate({ force: true });
  await until('all jobs to be back', async () => (await queue.getDelayedCount()) === stories.length);
  await queue.promoteJobs();
  expect(toldOf(await verdicts(stories.length))).toEqual(
    Object.fromEntries(stories.map(({ orderId }) => [orderId, ['paid']])),
  );
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^payment_poller_overdue_seconds \d/m);
});
