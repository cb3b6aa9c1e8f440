import { randomUUID } from 'node:crypto';

/** The fields of an event on the accounts stream. */
export function accountEvent(account: string, type: string, now: number, data: object): string[] {
  return [
    ...['specversion', '1.0', 'id', randomUUID(), 'source', `payment-poller/${account}`, 'type', type],
    ...['subject', account, 'time', new Date(now).toISOString(), 'datacontenttype', 'application/json'],
    ...['data', JSON.stringify({ account, ...data })],
  ];
}
