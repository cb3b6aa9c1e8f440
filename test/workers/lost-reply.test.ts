import { createHash } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { readScript } from '../../src/redis/script.ts';
import { startLossyProxy } from '../support/lossy-proxy.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { aHurriedOrder, seldom } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
const settleScript = readScript(new URL('../../src/orders/settle-batch.lua', import.meta.url));
const settleSha = createHash('sha1').update(settleScript).digest('hex');

test.each(['paid', 'cancelled'] as const)('a step whose reply is lost is made once: %s', async (answer) => {
  const gateway = await startHeldGateway();
  onTestFinished(() => gateway.close());
  await redis.script('LOAD', settleScript);
  const proxy = await startLossyProxy(testRedisUrl());
  const unreliable = connectRedis(proxy.url, 'patient');
  const parts = setupParts(unreliable, testPrefix(), gateway.url);
  onTestFinished(() => unreliable.disconnect());
  const orderId = 'lost:1';
  gateway.say(answer, orderId);
  const order = aHurriedOrder({ orderId, schedule: { ...seldom, initialIntervalMs: 200 } });
  await parts.enqueue(order);
  proxy.loseReplyTo(settleSha);
  // Nobody looks at it again after its verdict.
  await parts.startWorker({ policy: { confirmAfterMs: 50, watchMs: [600_000] } });
  const [event] = await until('a verdict', async () => {
    const published = await parts.events();
    return published.length > 0 && published;
  });
  expect(proxy.lost()).toBe(1);
  const polls = gateway.arrivals(orderId).length;
  expect(event?.data).toMatchObject({ polls, answeredPolls: polls });
  await until('the verdict to be told', async () => parts.published.length > 0);
  expect(parts.published.map(({ id }) => id)).toEqual([event?.id]);
  expect((await parts.store.read(orderId))?.history.map(({ count = 1 }) => count)).toEqual([polls]);
});
