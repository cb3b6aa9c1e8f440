import { createHash, createHmac } from 'node:crypto';
import { secretPrefix } from '../config/webhook-endpoints.ts';

/**
 * The id of a webhook: the same for every attempt and every endpoint, so that receivers can recognise a repetition. It contains
 * no `.`, which separates the signed parts and is allowed in order ids.
 *
 * @param time of the event: event ids repeat when an order id is used again after its retention
 */
export function messageId(eventId: string, time: string): string {
  return `msg_${createHash('sha256').update(`${time} ${eventId}`).digest('base64url').slice(0, 27)}`;
}

/** Headers of a webhook, as the Standard Webhooks specification defines them. One signature per secret. */
export function signedHeaders(
  secrets: readonly string[],
  id: string,
  body: string,
  now: number,
): { readonly [name: string]: string } {
  const timestamp = String(Math.floor(now / 1_000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(secretPrefix.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return {
    'content-type': 'application/json',
    'user-agent': 'payment-poller',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
