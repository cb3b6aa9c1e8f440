/**
 * The names of everything in Redis. All keys of the orders and the results stream carry one hash tag and so share one
 * Cluster slot, which is what lets a single script move an order and publish its verdict.
 */
export interface Keys {
  readonly prefix: string;
  /** Stream: the verdicts. */
  readonly results: string;
  /** Sorted set: orders still asked about, scored by the time of their next poll. */
  readonly open: string;
  /** Hash: account id → what producers need to know of it. */
  readonly registry: string;
  /** Hash: the record of one order. */
  order(orderId: string): string;
  /** The access token of an account. */
  token(account: string): string;
  /** BullMQ's key prefix of an account's queue; a slot of its own. */
  queuePrefix(account: string): string;
}

export const defaultPrefix = 'payments';

export function createKeys(prefix: string = defaultPrefix): Keys {
  const tag = `{${prefix}}`;
  return {
    prefix,
    results: `${tag}:results`,
    open: `${tag}:open`,
    registry: `${tag}:registry`,
    order: (orderId) => `${tag}:order:${orderId}`,
    token: (account) => `${tag}:token:${account}`,
    queuePrefix: (account) => `{${prefix}:${account}}`,
  };
}
