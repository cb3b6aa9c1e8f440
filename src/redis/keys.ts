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
  /** Sorted set: open orders without a verdict, scored by the time they were created. */
  readonly asking: string;
  /** Hash: order id → the money of an order whose last verdict is unresolved. */
  readonly unresolved: string;
  /** Hash: the sums over the unresolved money at the end of the sweeper's last walk, and how far the present one has come. */
  readonly unresolvedWalk: string;
  /** Hash: order id → when it led to the payment of another order, and of which. */
  readonly used: string;
  /** Hash: verdicts of one hour, counted. */
  statistics(hour: string): string;
  /** Where the sweeper's walk over the open orders goes on. */
  readonly sweepCursor: string;
  /** Where the sweeper's look for missing results goes on. */
  readonly resultsCursor: string;
  /** Written before Redis is asked whether what came before is on disk. */
  readonly onDisk: string;
  /** Hash: account id → what producers need to know of it. */
  readonly registry: string;
  /** Sorted set: account id, scored by when a process that serves it last said so. */
  readonly registryRenewed: string;
  /** Sorted set: account id and process, scored likewise. */
  readonly registryServing: string;
  /** Written to see whether Redis takes writes. */
  readonly writeProbe: string;
  /** Hash: the record of one order. */
  order(orderId: string): string;
  /** List: answers that were pushed to us and that no worker has read yet. */
  inbox(orderId: string): string;
  /** The order behind a one-time token of ours. */
  query(id: string): string;
  /** Hash, its fields the orders that an account's provider knows by this name. */
  reference(account: string, name: string): string;
  /**
   * Which order was paid by a receipt: `<orderId> <amount it expects, minor units>`, several where payments may be shared.
   * Gateways print one receipt in capitals here and in small letters there: it is one receipt all the same.
   */
  receipt(account: string, receipt: string): string;
  /** Which order was paid under a reference; as `receipt`. */
  paid(account: string, reference: string): string;
  /** Hash: whether an account may be asked at present. */
  breaker(account: string): string;
  /** Hash: how long the orders of an account take to become final, for `SCHEDULE=adaptive`. */
  completions(account: string): string;
  /** Hash: when an account was last polled, and last answered. */
  activity(account: string): string;
  /** Counter: polls of an account in one minute, which is epoch milliseconds divided by 60 000. */
  pollsInMinute(account: string, minute: number): string;
  /** Stream: who did what. */
  readonly audit: string;
  /** Stream: accounts that became sick or well. */
  readonly accounts: string;
  /** Hash: order id → the result that a consumer group has handled last of it, for some of all orders. */
  handled(group: string, bucket: number): string;
  /** Which consumer of a group is at an order now. */
  handling(group: string, orderId: string): string;
  /** Hash: group → where forgetting what it has handled goes on. */
  readonly handledWalk: string;
  /** Stream: results that a consumer group could not handle. */
  parked(group: string): string;
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
    asking: `${tag}:asking`,
    unresolved: `${tag}:unresolved`,
    used: `${tag}:used`,
    unresolvedWalk: `${tag}:unresolved-walk`,
    statistics: (hour) => `${tag}:statistics:${hour}`,
    sweepCursor: `${tag}:sweep-cursor`,
    resultsCursor: `${tag}:results-cursor`,
    onDisk: `${tag}:on-disk`,
    registry: `${tag}:registry`,
    registryRenewed: `${tag}:registry:renewed`,
    registryServing: `${tag}:registry:serving`,
    writeProbe: `${tag}:write-probe`,
    order: (orderId) => `${tag}:order:${orderId}`,
    inbox: (orderId) => `${tag}:inbox:${orderId}`,
    query: (id) => `${tag}:query:${id}`,
    reference: (account, name) => `${tag}:reference:${account}:${name}`,
    receipt: (account, receipt) => `${tag}:receipt:${account}:${receipt.toUpperCase()}`,
    paid: (account, reference) => `${tag}:paid:${account}:${reference}`,
    breaker: (account) => `${tag}:gate:${account}`,
    completions: (account) => `${tag}:completions:${account}`,
    activity: (account) => `${tag}:activity:${account}`,
    pollsInMinute: (account, minute) => `${tag}:polls:${account}:${minute}`,
    audit: `${tag}:audit`,
    accounts: `${tag}:accounts`,
    handled: (group, bucket) => `${tag}:handled:${group}:${bucket}`,
    handling: (group, orderId) => `${tag}:handling:${group}:${orderId}`,
    handledWalk: `${tag}:handled-walk`,
    parked: (group) => `${tag}:parked:${group}`,
    token: (account) => `${tag}:token:${account}`,
    queuePrefix: (account) => `{${prefix}:${account}}`,
  };
}
