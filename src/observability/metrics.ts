import { collectDefaultMetrics, Registry } from 'prom-client';
import { type Definitions, definitionsIn, metricPrefix, seconds } from './metric-definitions.ts';
import { receiverMetrics, webhookMetrics } from './receiver-metrics.ts';

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
/** The metrics without those of the process. */
export type OwnMetrics = ReturnType<typeof ownMetrics>;

/**
 * How often the lag of the event loop is measured; an idle process shows this much of it. prom-client's 10 ms wake a process
 * a hundred times a second: 0.7 % of a core, most of what an idle one takes.
 */
const eventLoopMonitoringPrecision = 50;

export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: metricPrefix, eventLoopMonitoringPrecision });
  return { registry, ...ownMetrics(registry) };
}

/** Every metric of our own, without those of the process. */
export function ownMetrics(registry: Registry) {
  const define = definitionsIn(registry);
  return {
    ...pollMetrics(define),
    ...orderMetrics(define),
    ...accountMetrics(define),
    ...upkeepMetrics(define),
    ...receiverMetrics(define),
    ...apiMetrics(define),
    ...webhookMetrics(define),
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
    underpaidOrders: define.gauge(
      'underpaid_orders',
      'Verdicts unresolved/underpaid published within a day: less money arrived than expected (from Redis)',
      ['account'],
    ),
    failureRise: define.gauge(
      'account_failure_rise',
      'By how much the share of first verdicts other than paid in this hour and the last exceeds that of the day before, -1 to 1; absent below 20 verdicts in either (from Redis)',
      ['account'],
    ),
    newestOrderSeconds: define.gauge(
      'newest_order_seconds',
      'Age of the newest order; absent where there is none (from Redis)',
    ),
    daysWithOrders: define.gauge(
      'days_with_orders',
      'On how many of the seven days before the last 24 hours orders were created (from Redis)',
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
    accountPaused: define.gauge(
      'account_paused',
      'Whether people have paused an account: by an operator, or its queue on the board (from Redis)',
      ['account', 'by'],
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

/** What the sweeper repaired, and Redis itself. */
function upkeepMetrics(define: Definitions) {
  return {
    swept: define.counter('swept_total', 'What the sweeper mended, by kind', ['kind']),
    damaged: define.counter(
      'damaged_total',
      'Orders, jobs and lists that a sweep could not read, counted anew in every sweep, by kind',
      ['kind'],
    ),
    redisMemory: define.gauge(
      'redis_memory_ratio',
      "Share of Redis' memory limit in use, 0 to 1; without maxmemory, of the machine's memory (from Redis)",
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
