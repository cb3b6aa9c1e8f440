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
  const registers = [registry];
  const named = (name: string) => `payment_poller_${name}`;
  collectDefaultMetrics({ register: registry, prefix: 'payment_poller_', eventLoopMonitoringPrecision });
  return {
    registry,
    polls: new Counter({
      name: named('polls_total'),
      help: 'Readings by account and kind',
      labelNames: ['account', 'reading'],
      registers,
    }),
    pollSeconds: new Histogram({
      name: named('provider_seconds'),
      help: 'Time a provider took to answer a poll',
      labelNames: ['account'],
      buckets: seconds.slice(0, 10),
      registers,
    }),
    verdicts: new Counter({
      name: named('verdicts_total'),
      help: 'Published verdicts by account, status and reason',
      labelNames: ['account', 'status', 'reason'],
      registers,
    }),
    verdictSeconds: new Histogram({
      name: named('verdict_seconds'),
      help: 'Time from createdAt to the first verdict',
      labelNames: ['account', 'status'],
      buckets: seconds.slice(3),
      registers,
    }),
    detectionSeconds: new Histogram({
      name: named('detection_seconds'),
      help: "Time from the provider's own final status to the verdict, where the provider tells it",
      labelNames: ['account'],
      buckets: seconds,
      registers,
    }),
    contradictions: new Counter({
      name: named('contradictions_total'),
      help: 'Readings that speak against a published paid',
      labelNames: ['account'],
      registers,
    }),
    receiptsUsed: new Counter({
      name: named('receipts_used_total'),
      help: 'Orders whose payment belongs to another order that was paid by it',
      labelNames: ['account'],
      registers,
    }),
    unrecognised: new Counter({
      name: named('unrecognised_total'),
      help: 'Answers with a word that no table lists',
      labelNames: ['account'],
      registers,
    }),
    changedProviders: new Counter({
      name: named('changed_provider_total'),
      help: 'Polls not made because the order was accepted for another provider than its account has now',
      labelNames: ['account'],
      registers,
    }),
    breaker: new Gauge({
      name: named('account_breaker'),
      help: 'How an account stands: 1 for the state that its breaker is in, 0 for the others (from Redis)',
      labelNames: ['account', 'state'],
      registers,
    }),
    answerAge: new Gauge({
      name: named('account_answer_age_seconds'),
      help: 'Time since an account last gave a usable answer; absent before its first (from Redis)',
      labelNames: ['account'],
      registers,
    }),
    accountOrders: new Gauge({
      name: named('account_orders'),
      help: 'Orders of an account that are still asked about (from Redis)',
      labelNames: ['account'],
      registers,
    }),
    accountOverdueSeconds: new Gauge({
      name: named('account_overdue_seconds'),
      help: 'How long the most overdue poll of an account has been due (from Redis)',
      labelNames: ['account'],
      registers,
    }),
    unservedOrders: new Gauge({
      name: named('unserved_orders'),
      help: 'Open orders of an account that no process serves; absent where there are none (from Redis)',
      labelNames: ['account'],
      registers,
    }),
    rateLimit: new Gauge({
      name: named('account_rate_limit'),
      help: 'Status requests per second that an account is allowed, over all processes',
      labelNames: ['account'],
      registers,
    }),
    swept: new Counter({
      name: named('swept_total'),
      help: 'What the sweeper mended, by kind',
      labelNames: ['kind'],
      registers,
    }),
    damaged: new Counter({
      name: named('damaged_total'),
      help: 'Orders, jobs and lists that a sweep could not read, counted anew in every sweep, by kind',
      labelNames: ['kind'],
      registers,
    }),
    overdueSeconds: new Gauge({
      name: named('overdue_seconds'),
      help: 'How long the most overdue open order has been due (from Redis)',
      registers,
    }),
    openOrders: new Gauge({
      name: named('open_orders'),
      help: 'Open orders: asking (no verdict yet) and watching (the verdict may still turn) (from Redis)',
      labelNames: ['phase'],
      registers,
    }),
    oldestAskingSeconds: new Gauge({
      name: named('oldest_asking_seconds'),
      help: 'Age of the oldest order without a verdict (from Redis)',
      registers,
    }),
    unresolvedAmount: new Gauge({
      name: named('unresolved_amount'),
      help: 'Money of orders whose last verdict is unresolved, major units, by age of the verdict (from Redis)',
      labelNames: ['currency', 'age'],
      registers,
    }),
    unresolvedOrders: new Gauge({
      name: named('unresolved_orders'),
      help: 'Orders whose last verdict is unresolved, by age of the verdict (from Redis)',
      labelNames: ['currency', 'age'],
      registers,
    }),
    groupLag: new Gauge({
      name: named('group_lag_entries'),
      help: 'Results that a consumer group has not been given or has not acknowledged (from Redis)',
      labelNames: ['group'],
      registers,
    }),
    parked: new Gauge({
      name: named('parked_entries'),
      help: 'Results that a consumer group could not handle and put aside, until somebody removes them (from Redis)',
      labelNames: ['group'],
      registers,
    }),
    errors: new Counter({
      name: named('errors_total'),
      help: 'Polls that could not be completed for a reason of ours (a bug, Redis)',
      labelNames: ['account'],
      registers,
    }),
    logins: new Counter({
      name: named('logins_total'),
      help: 'Logins to / and /board by outcome: succeeded or failed',
      labelNames: ['outcome'],
      registers,
    }),
    rejectedKeys: new Counter({
      name: named('rejected_keys_total'),
      help: 'Requests refused for their API key, by reason: missing, unknown, expired or missing-scope',
      labelNames: ['reason'],
      registers,
    }),
    callbacks: new Counter({
      name: named('callbacks_total'),
      help: 'Callback requests by account and outcome',
      labelNames: ['account', 'result'],
      registers,
    }),
  };
}
