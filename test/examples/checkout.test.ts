import { expect, onTestFinished, test } from 'vitest';
import { startRunningService } from '../support/running-service.ts';
import { eventually } from '../support/waiting.ts';
import { runTypeScript } from './run-example.ts';

async function startCheckout() {
  const service = await startRunningService({
    accounts: 'lipia',
    environment: { LIPIA_WATCH_MS: '300,600,1200,2400,4800,9600' },
  });
  onTestFinished(() => service.close());
  const checkout = runTypeScript('checkout.ts', service, { CHECKOUT_PORT: '0' });
  const [, url = ''] = await checkout.prints(/listens on (http:\S+)/);
  return {
    checkout,
    async pay(customer?: string) {
      const answer = await call(`${url}/pay`, { amount: '100.00', customer });
      expect(answer.status).toBe(202);
      return String((answer.json as { orderId: string }).orderId);
    },
    look: async (orderId: string) => (await call(`${url}/pay/${orderId}`)).json,
  };
}

/** Without keep-alive: a connection that idles would be left open at the end of the test. */
async function call(url: string, body?: object): Promise<{ status: number; json: unknown }> {
  const headers = { connection: 'close', 'content-type': 'application/json' };
  const answer = await fetch(
    url,
    body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers },
  );
  return { status: answer.status, json: await answer.json() };
}

test('examples/checkout.ts ships what is paid, declines what is not, and corrects itself', async () => {
  const { checkout, pay, look } = await startCheckout();
  const [paid, cancelled, late] = await Promise.all([pay(), pay('cancels'), pay('regrets')]);

  // Held until there is a verdict.
  expect(await look(paid)).toMatchObject({ orderId: paid, status: 'paid', reason: null });
  await eventually(async () => expect(await look(paid)).toMatchObject({ state: 'shipped' }));
  await eventually(async () => {
    expect(await look(cancelled)).toMatchObject({ status: 'failed', reason: 'cancelled', state: 'declined' });
  });
  await checkout.prints(new RegExp(`${late}:1: failed \\(cancelled\\) -> declined`));
  await checkout.prints(new RegExp(`${late}:2: paid -> shipped, was declined`));
  expect(await look(late)).toMatchObject({ status: 'paid', state: 'shipped' });
  expect(await look('sale-unknown')).toEqual({ error: 'No such sale.' });
  expect(await checkout.end('SIGTERM')).toBe(0);
});
