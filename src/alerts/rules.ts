/** Values of one metric that a rule looks at. */
export interface Series {
  /** Without the prefix. */
  readonly metric: string;
  /** Only the values whose labels match these; an expression for the whole label. */
  readonly where?: { readonly [label: string]: RegExp };
}

/** Limits beyond which a condition is true. Only `above` here: it is the only comparison that the rules need. */
export interface Comparison extends Series {
  readonly above: number;
}

/**
 * An alert on figures that every process reads from Redis. Prometheus evaluates it (ops/alerts.yml is generated from these
 * rules), and so does payment-poller itself for NOTIFY_WEBHOOK_URL.
 */
export interface AlertRule extends Comparison {
  readonly name: string;
  readonly severity: 'critical' | 'warning';
  /** One alert per value of these labels, each on its highest figure. */
  readonly by?: readonly string[];
  /** A label over which the highest figures are added up. */
  readonly sumOver?: string;
  /** True only while some value of this is above its limit too. */
  readonly and?: Comparison;
  /** Not true while some value of one of these is above its limit. */
  readonly unless?: readonly Comparison[];
  /** How long it must have been true, in minutes. */
  readonly forMinutes: number;
  /** `{label}` and `{value}` are replaced. */
  readonly summary: string;
  /** How `{value}` is shown. */
  readonly unit: 'seconds' | 'count' | 'share';
  readonly runbook: string;
}

/** The names of readers over HTTP among the consumer groups. */
const httpReaders = /http:.*/;
const subscribers = /[^:]*/;

/** The alerts that NOTIFY_WEBHOOK_URL receives. docs/operations.md says more about each. */
export const alertRules: readonly AlertRule[] = [
  {
    ...{ name: 'PollsLate', severity: 'critical', forMinutes: 2, by: ['account'], unit: 'seconds' },
    ...{ metric: 'account_overdue_seconds', above: 60 },
    summary: 'Polls of {account} are {value} late',
    runbook:
      'Are workers running (PaymentPollerDown), and is Redis well (/health/ready)? If both are, the rate limit is too low for the number of orders: raise <ACCOUNT>_RATE_PER_SECOND as far as the provider allows, or its intervals.',
  },
  {
    ...{ name: 'OrderForgotten', severity: 'critical', forMinutes: 5, unit: 'seconds' },
    ...{ metric: 'overdue_seconds', above: 900 },
    unless: [
      { metric: 'account_breaker', where: { state: /open|half-open|locked/ }, above: 0 },
      { metric: 'account_paused', above: 0 },
    ],
    summary:
      'An open order has been due for {value} though no circuit breaker is open and no account is paused',
    runbook:
      'The sweeper should have repaired it within a minute: look for "a sweep failed" in the logs of the workers, and at the page / for the order.',
  },
  {
    ...{ name: 'AccountLeftAlone', severity: 'warning', forMinutes: 5, by: ['account'], unit: 'count' },
    ...{ metric: 'account_breaker', where: { state: /open|half-open/ }, above: 0 },
    summary: '{account} fails; its circuit breaker is open',
    runbook:
      'Its orders wait and none of them fails. Look at the log line "the account is degraded" for the reason, at the status page of the provider, and run payment-poller doctor --live.',
  },
  {
    ...{ name: 'AccountLocked', severity: 'critical', forMinutes: 1, by: ['account'], unit: 'count' },
    ...{ metric: 'account_breaker', where: { state: /locked/ }, above: 0 },
    summary: '{account} refused its credentials for good',
    runbook:
      'It is not asked again with these credentials, because that could lock the account at the provider. Replace them and restart the workers.',
  },
  {
    ...{ name: 'AccountPaused', severity: 'warning', forMinutes: 60, by: ['account', 'by'], unit: 'count' },
    ...{ metric: 'account_paused', above: 0 },
    summary: '{account} has been paused for more than an hour (by: {by})',
    runbook:
      'Its orders are not polled; those past their deadline are unresolved. payment-poller doctor says who paused it, and why. payment-poller resume <account> ends it. Paused on the board (by: board), not even deadline verdicts are published.',
  },
  {
    ...{ name: 'OrdersUnserved', severity: 'critical', forMinutes: 5, by: ['account'], unit: 'count' },
    ...{ metric: 'unserved_orders', above: 0 },
    summary: '{value} open orders of {account}, which no process serves',
    runbook:
      'They are not polled and get no verdict. Put the account back into ACCOUNTS of a worker until they are closed (docs/operations, No process serves an account).',
  },
  {
    ...{ name: 'NoNewOrders', severity: 'warning', forMinutes: 5, unit: 'seconds' },
    ...{ metric: 'newest_order_seconds', above: 86_400 },
    and: { metric: 'days_with_orders', above: 2 },
    summary: 'No order has come for {value}, after days with orders',
    runbook:
      'Is the checkout running, and does it reach payment-poller? payment-poller audit --count 20 shows the last requests and refused keys. If the shop was closed, there is nothing to do.',
  },
  {
    ...{ name: 'FailuresRise', severity: 'critical', forMinutes: 5, by: ['account'], unit: 'share' },
    ...{ metric: 'account_failure_rise', above: 0.3 },
    summary:
      'The share of orders at {account} that are not paid has risen by {value} compared with the day before',
    runbook:
      'payment-poller report --day today says what became of the orders. Many failed or expired: ask the provider, and look whether the checkout sends prompts to the right number and amount. Many unresolved: see docs/operations, Deadline verdicts pile up.',
  },
  {
    ...{ name: 'MoneyUnderpaid', severity: 'critical', forMinutes: 0, by: ['account'], unit: 'count' },
    ...{ metric: 'underpaid_orders', above: 0 },
    summary: '{value} orders at {account} were paid with less money than expected within a day',
    runbook:
      'The money has arrived, but it is not enough, so the order is unresolved/underpaid. payment-poller orders --status unresolved lists them: ask the customer for the rest or refund it, then acknowledge the order. The alert ends a day after the last one.',
  },
  {
    ...{ name: 'StatementContradictsPaid', severity: 'critical', forMinutes: 0, unit: 'count' },
    ...{ metric: 'contradicted_orders', above: 0 },
    summary: 'A statement says that a paid order was reversed, or that less money arrived',
    runbook:
      'The order stays paid. payment-poller reconcile with the same statement names it; take it to the provider and the customer. The alert ends a day after the last one.',
  },
  {
    ...{ name: 'MoneyUnresolved', severity: 'warning', forMinutes: 60, by: ['currency'], unit: 'count' },
    ...{ metric: 'unresolved_amount', where: { age: /7d|older/ }, sumOver: 'age', above: 0 },
    summary: '{currency} {value} has been unresolved for more than a day',
    runbook:
      'The page / lists the oldest orders. Ask the provider about each by its reference, settle it with the customer, and acknowledge it: payment-poller acknowledge <orderId> --note "what was done".',
  },
  {
    ...{ name: 'ReadersBehind', severity: 'critical', forMinutes: 10, by: ['group'], unit: 'count' },
    ...{ metric: 'group_lag_entries', above: 1_000 },
    summary: 'Consumer group {group} is {value} results behind',
    runbook:
      'The checkout does not receive verdicts. Is the subscriber running, and does it acknowledge? Results are kept until every group has acknowledged them.',
  },
  {
    ...{ name: 'ResultsWaiting', severity: 'critical', forMinutes: 5, by: ['group'], unit: 'seconds' },
    ...{ metric: 'group_oldest_seconds', where: { group: subscribers }, above: 900 },
    summary: 'A result has been waiting for consumer group {group} for {value}',
    runbook:
      'Somebody may have paid and be waiting for the goods. Is the subscriber running, and does its handler throw? Its log says so. If nobody uses the group any more, remove it with XGROUP DESTROY.',
  },
  {
    ...{ name: 'ReaderLate', severity: 'warning', forMinutes: 5, by: ['group'], unit: 'seconds' },
    ...{ metric: 'group_oldest_seconds', where: { group: httpReaders }, above: 93_600 },
    summary: 'The reader {group} has not acknowledged a result for {value}',
    runbook:
      'A job that runs every day has had its chance. Look at its log; if it is not used any more, remove it with DELETE /v1/readers/<name>.',
  },
  {
    ...{ name: 'NobodyReads', severity: 'warning', forMinutes: 15, unit: 'count' },
    ...{ metric: 'result_entries', above: 0 },
    unless: [{ metric: 'consumer_groups', above: 0 }],
    summary: 'There are {value} results, and no subscriber, webhook or reader has ever asked for them',
    runbook:
      'Verdicts are published but nobody receives them. Start the subscriber, configure WEBHOOKS, or acknowledge with PUT /v1/readers/<name>. A checkout that only asks GET /v1/orders/<id> may ignore this.',
  },
  {
    ...{ name: 'ResultsParked', severity: 'critical', forMinutes: 1, by: ['group'], unit: 'count' },
    ...{ metric: 'parked_entries', above: 0 },
    summary: 'Consumer group {group} could not handle {value} results and parked them',
    runbook:
      'Nobody has acted on these verdicts. docs/consuming-results says how to list and handle them; the alert ends when they are removed from the parked stream.',
  },
  {
    ...{ name: 'WebhooksLate', severity: 'warning', forMinutes: 1, by: ['endpoint'], unit: 'seconds' },
    ...{ metric: 'webhook_oldest_seconds', above: 900 },
    summary: 'A result has been waiting for the webhook endpoint {endpoint} for {value}',
    runbook:
      'payment-poller webhooks list shows the last answer, payment-poller webhooks test <endpoint> sends a test. Retries continue for a day; then the results become failures, which can be sent again.',
  },
  {
    ...{ name: 'WebhooksGivenUp', severity: 'critical', forMinutes: 0, by: ['endpoint'], unit: 'count' },
    ...{ metric: 'webhook_dead_letters', above: 0 },
    summary: '{value} results were not accepted by the webhook endpoint {endpoint} for a day',
    runbook:
      'They are not sent any more. payment-poller webhooks failures <endpoint> lists them with the last answer. Repair the endpoint, then run payment-poller webhooks resend <endpoint> --failed.',
  },
  {
    ...{ name: 'WebhooksDisabled', severity: 'critical', forMinutes: 0, by: ['endpoint'], unit: 'count' },
    ...{ metric: 'webhook_disabled', above: 0 },
    summary: 'The webhook endpoint {endpoint} answered 410 and receives nothing',
    runbook:
      'Its results wait for a day, then they become failures. If the endpoint still exists, run payment-poller webhooks enable <endpoint>; otherwise remove it from WEBHOOKS.',
  },
  {
    ...{ name: 'RedisMemory', severity: 'critical', forMinutes: 5, unit: 'share' },
    ...{ metric: 'redis_memory_ratio', above: 0.8 },
    summary: 'Redis uses {value} of its memory',
    runbook:
      'At 100 % it accepts no orders. Give it more memory (maxmemory), or free some: see docs/operations, Redis is full.',
  },
];
