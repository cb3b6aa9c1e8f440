import { afterAll, beforeAll, expect, test } from 'vitest';
import { exampleInput, exampleProblem, exampleSummary, exampleView } from '../../src/api/examples.ts';
import { problemSchema } from '../../src/api/problem.ts';
import { orderInputSchema } from '../../src/jobs/validate-order.ts';
import { orderSummarySchema, orderViewSchema } from '../../src/orders/view.ts';
import { type RunningService, startRunningService } from '../support/running-service.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({ accounts: 'lipia', roles: ['api'] });
});
afterAll(() => running.close());

interface Json {
  readonly [name: string]: Json;
}
const document = async () => (await running.call('GET', '/docs/json')).json as Json;

test('the examples are what the schemas accept', () => {
  expect(orderInputSchema.parse(exampleInput)).toEqual(exampleInput);
  expect(orderViewSchema.parse(exampleView)).toEqual(exampleView);
  expect(orderSummarySchema.parse(exampleSummary)).toEqual(exampleSummary);
  expect(problemSchema.parse(exampleProblem)).toEqual(exampleProblem);
});

test('orders, results and problems have an example, and nothing else is made up from a pattern', async () => {
  const whole = await document();
  const { OrderInput, OrderView, OrderSummary, Problem } = whole.components?.schemas ?? {};
  expect(OrderInput?.example).toEqual(exampleInput);
  expect(OrderView?.example).toEqual(exampleView);
  expect(OrderSummary?.example).toEqual(exampleSummary);
  expect(Problem?.example).toEqual(exampleProblem);
  const page = whole.paths?.['/v1/results']?.get?.responses?.['200']?.content?.['application/json'];
  expect(page?.schema?.example).toMatchObject({ results: [{ id: 'shop-1001:1', version: 1 }], more: false });
  const made: string[] = [];
  JSON.stringify(whole, (key, part) => {
    if (part !== null && typeof part === 'object' && typeof part.pattern === 'string' && !('example' in part))
      made.push(`${key}: ${part.pattern}`);
    return part;
  });
  expect(made).toEqual([]);
});

test('it says where the server is, and types the events', async () => {
  const whole = await document();
  expect(whole.servers).toEqual([{ url: '/', description: expect.any(String) }]);
  const { Result } = whole.components?.schemas ?? {};
  expect(Result?.properties?.type?.enum).toEqual([
    ...['payment.paid', 'payment.failed', 'payment.expired', 'payment.unresolved'],
  ]);
  expect(Result?.properties?.version).toMatchObject({ type: 'integer' });
  expect(Result?.properties?.data?.properties?.amountVerified).toMatchObject({
    type: 'boolean',
    description: expect.stringContaining('amount received'),
  });
});

test('the page for people has our name, and leads back to the overview', async () => {
  const page = await running.call('GET', '/docs/');
  expect(page.text).toContain('<title>payment-poller: HTTP API</title>');
  const script = await running.call('GET', '/docs/static/swagger-initializer.js');
  expect(script.text).toContain("img.href = '/'");
  expect((await document()).info?.description).toContain('[Overview of the orders](/)');
});
