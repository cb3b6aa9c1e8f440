import { afterAll, beforeAll, expect, test } from 'vitest';
import { breakerStates } from '../../src/accounts/breaker-state.ts';
import { readingKinds, verdictStatuses } from '../../src/domain/order.ts';
import { pollClasses } from '../../src/domain/poll-class.ts';
import { callbackResults, createMetrics } from '../../src/observability/metrics.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { testRedis } from '../support/redis.ts';
import { type RunningService, startRunningService } from '../support/running-service.ts';
import { eventually, until } from '../support/waiting.ts';

let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({
    accounts: 'jenga,sick=lipia',
    environment: {
      SICK_BASE_URL: 'http://127.0.0.1:9',
      SICK_API_KEY: 'k-0123456789',
      SICK_BREAKER_FAILURES: '1',
      SICK_BREAKER_PAUSE_MS: '600000',
      SICK_BREAKER_MAX_PAUSE_MS: '600000',
      SICK_FIRST_POLL_AFTER_MS: '1',
    },
  });
});
afterAll(() => running.close());

type State = 'paid' | 'pending' | { readonly word: string };

const scrape = async () => (await running.call('GET', '/metrics', { key: null })).text;

function enqueue(orderId: string, account: string, state: State) {
  const reference = account === 'jenga' ? `OR-${orderId}` : orderId;
  if (account === 'jenga') {
    running.simulator.script({
      provider: 'jenga',
      reference,
      amount: '2.00',
      timeline: [{ afterMs: 0, state }],
    });
  }
  return running.enqueue({ orderId, account, reference, amount: '2.00' });
}

test('what happens to orders is counted', async () => {
  const keys = createKeys(running.prefix);
  await testRedis().xgroup('CREATE', keys.results, 'checkout', '0', 'MKSTREAM');
  await testRedis().xadd(keys.parked('checkout'), '*', 'reason', 'the shop threw');
  await enqueue('m-paid', 'jenga', 'paid');
  await enqueue('m-odd', 'jenga', { word: 'SETTLEMENT_REVIEW_OF_THE_MOON' });
  await enqueue('m-sick', 'sick', 'pending');
  await running.callback('jenga', 'no JSON at all');
  const value = running.metric;
  // Counters are of this moment; what is measured is shared by all who ask within a second.
  await eventually(async () => {
    expect(await value('payment_poller_verdicts_total{account="jenga",status="paid",reason=""}')).toBe(1);
    expect(await value('payment_poller_verdict_seconds_count{account="jenga",status="paid"}')).toBe(1);
    expect(await value('payment_poller_polls_total{account="sick",reading="unavailable"}')).toBeGreaterThan(
      0,
    );
    expect(await value('payment_poller_provider_seconds_count{account="jenga"}')).toBeGreaterThan(0);
    expect(await value('payment_poller_open_orders{phase="asking"}')).toBe(2);
    expect(await value('payment_poller_open_orders{phase="watching"}')).toBe(0);
    expect(await value('payment_poller_account_orders{account="sick"}')).toBe(1);
    expect(await value('payment_poller_account_breaker{account="jenga",state="closed"}')).toBe(1);
    expect(await value('payment_poller_account_breaker{account="sick",state="open"}')).toBe(1);
    expect(await value('payment_poller_account_breaker{account="sick",state="closed"}')).toBe(0);
    expect(await value('payment_poller_account_rate_limit{account="jenga"}')).toBe(1000);
    expect(await value('payment_poller_group_lag_entries{group="checkout"}')).toBe(1);
    expect(await value('payment_poller_parked_entries{group="checkout"}')).toBe(1);
    expect(await value('payment_poller_callbacks_total{account="jenga",result="garbage"}')).toBe(1);
  });
});

test('money is measured until it is resolved', async () => {
  const keys = createKeys(running.prefix);
  await testRedis().hset(keys.unresolved, 'm-money', `${Date.now() - 7_200_000} 123450 KES jenga`);
  const series = 'payment_poller_unresolved_amount{currency="KES",age="24h"}';
  await until('the amount', async () => (await running.metric(series)) === 1234.5);
  expect(await running.metric('payment_poller_unresolved_orders{currency="KES",age="24h"}')).toBe(1);
  expect(await running.metric('payment_poller_unresolved_amount{currency="KES",age="older"}')).toBe(0);
  await testRedis().hdel(keys.unresolved, 'm-money');
  await until('the gauge to go', async () => !(await scrape()).includes('payment_poller_unresolved_amount{'));
});

test('what an alert watches for growth begins at zero', async () => {
  const text = await scrape();
  for (const name of ['contradictions', 'unrecognised', 'errors'])
    expect(text, name).toMatch(new RegExp(`^payment_poller_${name}_total\\{account="jenga"\\} `, 'm'));
});

test('labels carry our own words, and none of a provider', async () => {
  const text = await scrape();
  expect(text).not.toContain('MOON');
  const known: { readonly [label: string]: readonly string[] } = {
    account: ['jenga', 'sick', 'unknown'],
    reading: readingKinds,
    status: verdictStatuses,
    state: breakerStates,
    result: callbackResults,
    phase: ['asking', 'watching'],
    age: ['1h', '24h', '7d', 'older'],
    class: pollClasses,
    outcome: ['succeeded', 'failed'],
    by: ['operator', 'board'],
  };
  for (const [, label = '', value = ''] of text.matchAll(/[{,](\w+)="([^"]*)"/g)) {
    if (known[label] !== undefined) expect(known[label], label).toContain(value);
  }
  const labels = (await createMetrics().registry.getMetricsAsArray()).flatMap((metric) =>
    'labelNames' in metric ? (metric.labelNames as string[]) : [],
  );
  const ours = [
    'account',
    'reading',
    'status',
    'reason',
    'state',
    'result',
    'phase',
    'currency',
    'age',
    'class',
    'by',
    'endpoint',
    'group',
    'kind',
    'outcome',
  ];
  const defaults = ['version', 'major', 'minor', 'patch', 'type', 'space'];
  for (const label of labels) expect([...ours, ...defaults]).toContain(label);
});
