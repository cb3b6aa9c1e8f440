import { randomUUID } from 'node:crypto';

/**
 * A CloudEvent of type `webhook.test`, for `payment-poller webhooks test`. Its type is not that of a result, so that no receiver
 * takes it for a payment.
 */
export function testEvent(endpoint: string, now: number) {
  return {
    specversion: '1.0',
    id: `webhook-test:${randomUUID()}`,
    source: 'payment-poller',
    type: 'webhook.test',
    subject: endpoint,
    time: new Date(now).toISOString(),
    datacontenttype: 'application/json',
    data: {},
  };
}
