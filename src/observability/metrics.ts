import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Outcome of a request to the callback route. */
export const callbackResults = [
  'hint',
  'result',
  'queue-timeout',
  'replay',
  'unknown-order',
  'garbage',
  'wrong-token',
  'wrong-signature',
  'wrong-credentials',
  'wrong-address',
  'not-enabled',
  'unknown-account',
] as const;
export type CallbackResult = (typeof callbackResults)[number];

/**
 * Every metric of this process. Labels hold accounts and words of ours, never anything that a provider wrote. What is
 * said to come from Redis is the same in every process: take the maximum over them, not the sum.
 */
export type Metrics = ReturnType<typeof createMetrics>;

const seconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];

/**
 * How often the lag of the event loop is measured; an idle process shows this much of it. prom-client's 10 ms wake a process
 * a hundred times a second: 0.7 % of a core, most of what an idle one takes.
 */
const eventLoopMonitoringPrecision = 50;

export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'payment_poller_', eventLoopMonitoringPrecision });
  const define = definitionsIn(registry);
  return {
    registry,
    ...pollMetrics(define),
    ...orderMetrics(define),
    ...accountMetrics(define),
    ...upkeepMetrics(define),
    ...apiMetrics(define),
    ...webhookMetrics(define),
  };
}

type Definitions = ReturnType<typeof definitionsIn>;

/** Defines metrics of a registry, under our prefix. */
function definitionsIn(registry: Registry) {
  const common = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) => ({
    ...{ name: `payment_poller_${name}`, help, labelNames, registers: [registry] },
  });
  return {
    counter: <Label extends string = never>(name: string, help: string, labels: readonly Label[] = []) =>
      new Counter<Label>(common(name, help, labels)),
    gauge: <Label extends string = never>(name: string, help: string, labels: readonly Label[] = []) =>
      new Gauge<Label>(common(name, help, labels)),
    histogram: <Label extends string>(
      name: string,
      help: string,
      labels: readonly Label[],
      buckets: number[],
    ) => new Histogram<Label>({ ...common(name, help, labels), buckets }),
  };
}

/** Asking providers. */
function pollMetrics(define: Definitions) {
  return {
    polls: define.counter('polls_total', 'Readings by account and kind', ['account', 'reading']),
    pollSeconds: define.histogram(
      'provider_seconds',
      'Time a provider took to answer a poll',
      ['account'],
      seconds.slice(0, 10),
    ),
    unrecognised: define.counter('unrecognised_total', 'Answers with a word that no table lists', [
      'account',
    ]),
    changedProviders: define.counter(
      'changed_provider_total',
      'Polls not made because the order was accepted for another provider than its account has now',
      ['account'],
    ),
    errors: define.counter(
      'errors_total',
      'Polls that could not be completed for a reason of ours (a bug, Redis)',
      ['account'],
    ),
    pulls: define.counter(
      'pulls_total',
      'Runs of Daraja Pull Transactions by outcome: no-orders, nothing, rows or failed',
      ['account', 'outcome'],
    ),
    contradictions: define.counter('contradictions_total', 'Readings that speak against a published paid', [
      'account',
    ]),
  };
}

/** Orders and their verdicts. */
function orderMetrics(define: Definitions) {
  return {
    verdicts: define.counter('verdicts_total', 'Published verdicts by account, status and reason', [
      'account',
      'status',
      'reason',
    ]),
    verdictSeconds: define.histogram(
      'verdict_seconds',
      'Time from createdAt to the first verdict',
      ['account', 'status'],
      seconds.slice(3),
    ),
    detectionSeconds: define.histogram(
      'detection_seconds',
      "Time from the provider's own final status to the verdict, where the provider reports it",
      ['account'],
      seconds,
    ),
    contradictedOrders: define.gauge(
      'contradicted_orders',
      'Paid orders that a statement has contradicted within a day (from Redis)',
    ),
    receiptsUsed: define.counter(
      'receipts_used_total',
      'Orders whose payment belongs to another order that was paid by it',
      ['account'],
    ),
    overdueSeconds: define.gauge(
      'overdue_seconds',
      'How long the most overdue open order has been due (from Redis)',
    ),
    openOrders: define.gauge(
      'open_orders',
      'Open orders: asking (no verdict yet) and watching (the verdict may still turn) (from Redis)',
      ['phase'],
    ),
    oldestAskingSeconds: define.gauge(
      'oldest_asking_seconds',
      'Age of the oldest order without a verdict (from Redis)',
    ),
    unresolvedAmount: define.gauge(
      'unresolved_amount',
      'Money of orders whose last verdict is unresolved, major units, by age of the verdict (from Redis)',
      ['currency', 'age'],
    ),
    unresolvedOrders: define.gauge(
      'unresolved_orders',
      'Orders whose last verdict is unresolved, by age of the verdict (from Redis)',
      ['currency', 'age'],
    ),
    unservedOrders: define.gauge(
      'unserved_orders',
      'Open orders of an account that no process serves; absent where there are none (from Redis)',
      ['account'],
    ),
  };
}

/** Accounts and their limits. */
function accountMetrics(define: Definitions) {
  return {
    breaker: define.gauge(
      'account_breaker',
      'How an account stands: 1 for the state that its breaker is in, 0 for the others (from Redis)',
      ['account', 'state'],
    ),
    answerAge: define.gauge(
      'account_answer_age_seconds',
      'Time since an account last gave a usable answer; absent before its first (from Redis)',
      ['account'],
    ),
    accountOrders: define.gauge(
      'account_orders',
      'Orders of an account that are still asked about (from Redis)',
      ['account'],
    ),
    accountOverdueSeconds: define.gauge(
      'account_overdue_seconds',
      'How long the most overdue poll of an account has been due (from Redis)',
      ['account'],
    ),
    lagSeconds: define.gauge(
      'account_lag_seconds',
      'Median time from the final status to the poll that saw it, over the last hour; absent where none was seen (from Redis)',
      ['account'],
    ),
    expectedLagSeconds: define.gauge(
      'account_expected_lag_seconds',
      'The median lag that the schedule expects of orders like those of the last hour; absent where unknown (from Redis)',
      ['account'],
    ),
    rateUse: define.gauge(
      'account_rate_use',
      'Share of the rate limit that the polls of the last minute used, 0 to 1 (from Redis)',
      ['account'],
    ),
    waitingPolls: define.gauge(
      'account_waiting_polls',
      'Due polls that have not started, by class; of very many the most overdue ones are counted (from Redis)',
      ['account', 'class'],
    ),
    rateLimit: define.gauge(
      'account_rate_limit',
      'Status requests per second that an account is allowed, over all processes',
      ['account'],
    ),
  };
}

/** What the sweeper repaired, and consumers of results. */
function upkeepMetrics(define: Definitions) {
  return {
    swept: define.counter('swept_total', 'What the sweeper mended, by kind', ['kind']),
    damaged: define.counter(
      'damaged_total',
      'Orders, jobs and lists that a sweep could not read, counted anew in every sweep, by kind',
      ['kind'],
    ),
    groupLag: define.gauge(
      'group_lag_entries',
      'Results that a consumer group has not been given or has not acknowledged (from Redis)',
      ['group'],
    ),
    parked: define.gauge(
      'parked_entries',
      'Results that a consumer group could not handle and put aside, until somebody removes them (from Redis)',
      ['group'],
    ),
  };
}

/** Requests to the API. */
function apiMetrics(define: Definitions) {
  return {
    logins: define.counter('logins_total', 'Logins to / and /board by outcome: succeeded or failed', [
      'outcome',
    ]),
    rejectedKeys: define.counter(
      'rejected_keys_total',
      'Requests refused for their API key, by reason: missing, unknown, expired or missing-scope',
      ['reason'],
    ),
    callbacks: define.counter('callbacks_total', 'Callback requests by account and outcome', [
      'account',
      'result',
    ]),
  };
}

/** Webhooks and their endpoints. */
function webhookMetrics(define: Definitions) {
  return {
    webhooks: define.counter(
      'webhooks_total',
      'Attempts to deliver a webhook, by endpoint and outcome: delivered, failed, gone (HTTP 410) or aborted (at shutdown)',
      ['endpoint', 'outcome'],
    ),
    webhookSeconds: define.histogram(
      'webhook_seconds',
      'Time an endpoint took to answer a webhook',
      ['endpoint'],
      seconds.slice(0, 10),
    ),
    webhookQueue: define.gauge(
      'webhook_queue_orders',
      'Orders with results that an endpoint has not received yet (from Redis)',
      ['endpoint'],
    ),
    webhookOldestSeconds: define.gauge(
      'webhook_oldest_seconds',
      'How long the oldest result has been waiting for an endpoint (from Redis)',
      ['endpoint'],
    ),
    webhookDeadLetters: define.gauge(
      'webhook_dead_letters',
      'Results that were given up at an endpoint and not sent again since (from Redis)',
      ['endpoint'],
    ),
    webhookDisabled: define.gauge(
      'webhook_disabled',
      '1 for an endpoint that answered HTTP 410 and receives nothing until it is enabled (from Redis)',
      ['endpoint'],
    ),
  };
}
