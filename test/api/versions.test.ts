import { expect, onTestFinished, test } from 'vitest';
import { startRunningService } from '../support/running-service.ts';
import { eventually } from '../support/waiting.ts';

test('every answer about a result has its version as a number, beside stateversion in its earlier form', async () => {
  const service = await startRunningService({ accounts: 'lipia' });
  onTestFinished(() => service.close());
  const timeline = [{ afterMs: 0, state: 'paid' as const }];
  service.simulator.script({ provider: 'lipia', reference: 'R1', amount: '1.00', timeline });
  await service.enqueue({ orderId: 'ord-1', account: 'lipia', reference: 'R1', amount: '1.00' });
  await eventually(async () =>
    expect((await service.call('GET', '/v1/orders/ord-1')).json).toMatchObject({
      version: 1,
      stateversion: 1,
      verdicts: [{ version: 1, stateversion: 1, status: 'paid' }],
    }),
  );
  const order = { version: 1, stateversion: 1 };
  const event = { version: 1, stateversion: '1' };
  expect((await service.call('GET', '/v1/orders')).json).toMatchObject({ orders: [order] });
  const page = await service.call('GET', '/v1/results?after=0');
  expect(page.json).toMatchObject({ results: [event] });
});
