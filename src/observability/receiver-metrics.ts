import { type Definitions, seconds } from './metric-definitions.ts';

/** Results and their consumer groups. */
export function receiverMetrics(define: Definitions) {
  return {
    results: define.gauge('result_entries', 'Results in the stream (from Redis)'),
    groups: define.gauge(
      'consumer_groups',
      'Consumer groups of the results, readers over HTTP and the webhooks included (from Redis)',
    ),
    groupOldestSeconds: define.gauge(
      'group_oldest_seconds',
      'Age of the oldest result that a consumer group has not acknowledged, 0 where there is none (from Redis)',
      ['group'],
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

/** Webhooks and their endpoints. */
export function webhookMetrics(define: Definitions) {
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
