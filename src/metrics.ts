import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What became of a request to the callback door. */
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

/** Every metric of this process. Labels hold accounts and words of ours, never anything that a provider wrote. */
export type Metrics = ReturnType<typeof createMetrics>;

const seconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const named = (name: string) => `payment_poller_${name}`;
  collectDefaultMetrics({ register: registry, prefix: 'payment_poller_' });
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
    unrecognised: new Counter({
      name: named('unrecognised_total'),
      help: 'Answers with a word that no table lists',
      labelNames: ['account'],
      registers,
    }),
    degraded: new Gauge({
      name: named('account_degraded'),
      help: '1 while the breaker of an account is open, as this process saw it last',
      labelNames: ['account'],
      registers,
    }),
    swept: new Counter({
      name: named('swept_total'),
      help: 'What the sweeper mended, by kind',
      labelNames: ['kind'],
      registers,
    }),
    overdueSeconds: new Gauge({
      name: named('overdue_seconds'),
      help: 'How long the most overdue open order has been due',
      registers,
    }),
    openOrders: new Gauge({ name: named('open_orders'), help: 'Orders still asked about', registers }),
    groupLag: new Gauge({
      name: named('group_lag_entries'),
      help: 'Results that a consumer group has not been given or has not acknowledged',
      labelNames: ['group'],
      registers,
    }),
    errors: new Counter({
      name: named('errors_total'),
      help: 'Polls that could not be completed for a reason of ours (a bug, Redis)',
      labelNames: ['account'],
      registers,
    }),
    callbacks: new Counter({
      name: named('callbacks_total'),
      help: 'Requests to the callback door by account and what became of them',
      labelNames: ['account', 'result'],
      registers,
    }),
  };
}
