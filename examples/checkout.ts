/**
 * A small checkout: it starts payments, submits them to payment-poller, and ships goods once they are paid.
 * Run it while `npm run demo` is running, with REDIS_URL, API_URL, API_KEY and SIMULATOR_URL as the demo prints them:
 *
 *   npx node --conditions=payment-poller-source examples/checkout.ts
 *   curl http://127.0.0.1:3000/pay --json '{"amount":"100.00"}'
 *   curl http://127.0.0.1:3000/pay/<the id it answers>
 *
 * `"customer"` is how the customer behaves: "pays" (default), "cancels", or "regrets": cancels, then pays after all.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import Fastify from 'fastify';
import { type ResultEvent, subscribe } from 'payment-poller';

const {
  API_URL = 'http://127.0.0.1:8080',
  SIMULATOR_URL = 'http://127.0.0.1:4010',
  API_KEY = '',
} = process.env;
const account = 'lipia';

/** What the customer does, as a script for the simulator. A real gateway prompts a real phone. */
const customers = {
  pays: [{ afterMs: 1_000, state: 'paid' }],
  cancels: [{ afterMs: 0, state: 'failed:cancelled' }],
  regrets: [
    { afterMs: 0, state: 'failed:cancelled' },
    { afterMs: 4_000, state: 'paid' },
  ],
};

/** Our own side of a payment. In production: a table whose rows store `stateversion`. */
interface Sale {
  readonly amount: string;
  state: 'waiting' | 'shipped' | 'declined' | 'in review';
  stateversion: number;
}
const sales = new Map<string, Sale>();

const app = Fastify();

app.post<{ Body: { amount: string; customer?: keyof typeof customers } }>('/pay', async (request, reply) => {
  const { amount, customer = 'pays' } = request.body;
  const orderId = `sale-${randomUUID()}`;
  // Store the sale first: a verdict may arrive before the gateway's response.
  sales.set(orderId, { amount, state: 'waiting', stateversion: 0 });
  const reference = await startPayment(amount, customer);
  await handOver({ orderId, account, reference, amount });
  return reply.code(202).send({ orderId, state: 'waiting' });
});

/** Responds when there is a verdict, at the latest after 25 s; then the page asks again. */
app.get<{ Params: { orderId: string } }>('/pay/:orderId', async (request, reply) => {
  const { orderId } = request.params;
  const sale = sales.get(orderId);
  if (sale === undefined) return reply.code(404).send({ error: 'No such sale.' });
  const answer = await call(`/v1/orders/${orderId}?wait=25`);
  const { status, reason } = (await answer.json()) as { status: string | null; reason: string | null };
  return { orderId, status, reason, state: sale.state };
});

/** Asks the gateway to prompt the customer; returns the gateway's reference of the payment. */
async function startPayment(amount: string, customer: keyof typeof customers): Promise<string> {
  const reference = randomUUID().replaceAll('-', '').slice(0, 24);
  const script = { provider: account, reference, amount, timeline: customers[customer] };
  await fetch(`${SIMULATOR_URL}/_simulator/orders`, { method: 'POST', body: JSON.stringify(script) });
  return reference;
}

/** The payment is on its way, so this must succeed; submitting the same order again is safe. */
async function handOver(order: object): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await call('/v1/orders', order).catch(() => null);
    if (answer?.ok) return;
    if (answer !== null && answer.status < 500) throw new Error(`Refused: ${await answer.text()}`);
    if (attempt === 10) throw new Error('payment-poller does not answer.');
    await delay(200 * attempt);
  }
}

function call(path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' };
  return fetch(API_URL + path, body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers });
}

/** A verdict on a payment, or a correction. Called at least once for each, in version order. */
function react({ id, subject, stateversion, supersedes, data }: ResultEvent): void {
  const sale = sales.get(subject);
  if (sale === undefined || sale.stateversion >= stateversion) return;
  const before = sale.state;
  sale.stateversion = stateversion;
  switch (data.status) {
    case 'paid':
      sale.state = 'shipped';
      break;
    case 'failed':
    case 'expired':
      sale.state = 'declined';
      break;
    case 'unresolved':
      // Neither ship nor promise a refund: it needs a manual review, and a correction may follow.
      sale.state = 'in review';
  }
  const change = supersedes === undefined ? sale.state : `${sale.state}, was ${before}`;
  console.log(`${id}: ${data.status}${data.reason ? ` (${data.reason})` : ''} -> ${change}`);
}

const subscription = subscribe({
  redis: process.env.REDIS_URL || 'redis://127.0.0.1:6379',
  prefix: process.env.PREFIX || 'payments',
  group: 'checkout',
  consumer: 'one',
  onResult: react,
  onError: (error) => console.error(error.message),
});

console.log(
  `The checkout listens on ${await app.listen({ port: Number(process.env.CHECKOUT_PORT ?? 3_000) })}`,
);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await app.close();
    await subscription.close();
  });
}
