import { expect, onTestFinished, test } from 'vitest';
import { connectRedis } from '../../src/redis.ts';
import { redisServer, startRestartableRedis } from '../support/restartable-redis.ts';
import { startRunningService } from '../support/running-service.ts';

test.skipIf(redisServer === undefined)(
  'an order that is being handed in when the service stops is answered, not broken off',
  async () => {
    const server = await startRestartableRedis();
    const running = await startRunningService({ accounts: 'jenga', redisUrl: server.url });
    onTestFinished(() => running.close());
    const redis = connectRedis(server.url, 'patient');
    onTestFinished(() => redis.disconnect());
    await running.enqueue({ orderId: 'first', account: 'jenga', reference: 'OR1', amount: '1.00' });

    await redis.client('PAUSE', 700, 'ALL');
    const body = { orderId: 'second', account: 'jenga', reference: 'OR2', amount: '1.00' };
    const answer = running.call('POST', '/v1/orders', { body });
    // The request is with us before the stop begins.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await running.service.close();
    expect((await answer).status).toBe(201);
  },
);
