/**
 * The names of all keys in Redis. The keys of orders and the results stream share a hash tag, hence a Cluster slot, so that a
 * single script can settle an order and publish its verdict.
 */
export interface Keys {
  readonly prefix: string;
  /** Stream: the verdicts. */
  readonly results: string;
  /** Sorted set: open orders, scored by the time of their next poll. */
  readonly open: string;
  /** Sorted set: open orders without a verdict, scored by the time they were created. */
  readonly asking: string;
  /** Sorted set: orders with a verdict, open or closed, scored by the time they were created. With `asking`: all orders. */
  readonly settled: string;
  /** Hash: order id → amount, account and verdict time of an order whose last verdict is unresolved. */
  readonly unresolved: string;
  /** Hash: totals of `unresolved` from the last complete scan, and the state of the current scan. */
  readonly unresolvedWalk: string;
  /** Sorted set: paid orders that a statement contradicts, scored by when it was read. */
  readonly contradicted: string;
  /** Hash: order id → when its payment turned out to belong to another order, and which one. */
  readonly used: string;
  /** Hash: counters of the verdicts of one hour. */
  statistics(hour: string): string;
  /** Cursor of the sweeper's scan over the open orders. */
  readonly sweepCursor: string;
  /** Cursor of the sweeper's scan over the records. */
  readonly resultsCursor: string;
  /** Written before `WAITAOF`, which only covers writes of its own connection. */
  readonly onDisk: string;
  /** Hash: account id → what producers need to know about it. */
  readonly registry: string;
  /** Sorted set: account ids, scored by when a process that serves them last renewed its registration. */
  readonly registryRenewed: string;
  /** Sorted set: pairs of account id and process id, scored likewise. */
  readonly registryServing: string;
  /** Written to test whether Redis accepts writes. */
  readonly writeProbe: string;
  /** Hash: the record of one order. */
  order(orderId: string): string;
  /** List: pushed answers that no worker has read yet. */
  inbox(orderId: string): string;
  /** The order id of a query, by the hash of its one-time token. */
  query(id: string): string;
  /** Sorted set: one part of the index by which orders are found. */
  lookup(bucket: number): string;
  /**
   * Hash whose fields are the ids of the orders that an account's provider knows by this name. Earlier releases wrote it; it
   * expires eight days after the deadline of its orders.
   */
  reference(account: string, name: string): string;
  /**
   * The order that claimed a receipt: `<orderId> <amount expected, minor units>`. Where payments may be shared, a `+` follows the
   * amount, and there may be several such entries.
   * Upper-cased, because gateways are not consistent about the case of a receipt.
   *
   * @param system that issues the receipts
   */
  receipt(system: string, receipt: string): string;
  /** The order that claimed a reference, in the format of `receipt`. `merchant`: whose references these are. */
  paid(merchant: string, reference: string): string;
  /** Hash: the state of an account's circuit breaker. */
  breaker(account: string): string;
  /** Hash: histogram of how long an account's orders take to become final, for `SCHEDULE=adaptive`. */
  completions(account: string): string;
  /** Hash: new orders of an account by minute, for `SCHEDULE=adaptive`. */
  arrivals(account: string): string;
  /** Hash: histogram of how late final statuses were seen; `slot` is epoch milliseconds divided by 600 000. */
  lags(account: string, slot: number): string;
  /** Hash: when an account was last polled, and when it last answered. */
  activity(account: string): string;
  /** Counter: polls of an account in one minute; `minute` is epoch milliseconds divided by 60 000. */
  pollsInMinute(account: string, minute: number): string;
  /** What the places in lists are encrypted with that clients of the API send back. */
  readonly cursorSecret: string;
  /** Stream: the audit trail. */
  readonly audit: string;
  /** Hash: the alerts that are true or whose end was not sent yet, for NOTIFY_WEBHOOK_URL. */
  readonly alerts: string;
  /** Lease: the process that evaluates the alerts. */
  readonly alertsLease: string;
  /** Stream: accounts that became degraded or recovered. */
  readonly accounts: string;
  /** Hash: order id → the last result that a consumer group has handled of it, for the orders in this bucket. */
  handled(group: string, bucket: number): string;
  /** Lock: the consumer of a group that is handling a result of this order. */
  handling(group: string, orderId: string): string;
  /** Hash: group → next bucket of `handled` to be cleaned up. */
  readonly handledWalk: string;
  /** Hash: name → position and accounts of a reader over HTTP. */
  readonly readers: string;
  /** Stream: results that a consumer group could not handle. */
  parked(group: string): string;
  /** Hash: webhook endpoint → which results it receives. */
  readonly webhooks: string;
  /** Sorted set: webhook endpoints, scored by when a process that serves them last renewed their registration. */
  readonly webhooksRenewed: string;
  /** A key of a webhook endpoint. */
  webhook(endpoint: string, part: WebhookPart): string;
  /** List: results of an order that an endpoint has not received yet, oldest version first. */
  webhookQueue(endpoint: string, orderId: string): string;
  /** Hash: the webhooks of an order, `<stateversion>:<endpoint>` → when and how it was delivered. */
  deliveries(orderId: string): string;
  /** The access token of an account. */
  token(account: string): string;
  /** BullMQ's key prefix for an account's queue, which has a Cluster slot of its own. */
  queuePrefix(account: string): string;
}

/**
 * - `due`: sorted set, orders with undelivered results by the time of the next attempt
 * - `since`: sorted set, the same orders by the time their oldest result was queued
 * - `attempts`: hash, order id → lease and number of attempts
 * - `state`: hash, circuit breaker and last answer
 * - `failing`: set, orders that failed since the last success
 * - `failed`, `dead-letters`: sorted set and hash, results that were given up
 */
export type WebhookPart = 'due' | 'since' | 'attempts' | 'state' | 'failing' | 'failed' | 'dead-letters';

export const defaultPrefix = 'payments';

export function createKeys(prefix: string = defaultPrefix): Keys {
  const tag = `{${prefix}}`;
  return {
    prefix,
    results: `${tag}:results`,
    open: `${tag}:open`,
    asking: `${tag}:asking`,
    settled: `${tag}:settled`,
    unresolved: `${tag}:unresolved`,
    used: `${tag}:used`,
    contradicted: `${tag}:contradicted`,
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
    lookup: (bucket) => `${tag}:lookup:${bucket}`,
    reference: (account, name) => `${tag}:reference:${account}:${name}`,
    receipt: (system, receipt) => `${tag}:receipt:${system}:${receipt.toUpperCase()}`,
    paid: (merchant, reference) => `${tag}:paid:${merchant}:${reference}`,
    breaker: (account) => `${tag}:gate:${account}`,
    completions: (account) => `${tag}:completions:${account}`,
    arrivals: (account) => `${tag}:arrivals:${account}`,
    lags: (account, slot) => `${tag}:lags:${account}:${slot}`,
    activity: (account) => `${tag}:activity:${account}`,
    pollsInMinute: (account, minute) => `${tag}:polls:${account}:${minute}`,
    cursorSecret: `${tag}:cursor-secret`,
    audit: `${tag}:audit`,
    alerts: `${tag}:alerts`,
    alertsLease: `${tag}:alerts:lease`,
    accounts: `${tag}:accounts`,
    handled: (group, bucket) => `${tag}:handled:${group}:${bucket}`,
    handling: (group, orderId) => `${tag}:handling:${group}:${orderId}`,
    handledWalk: `${tag}:handled-walk`,
    readers: `${tag}:readers`,
    parked: (group) => `${tag}:parked:${group}`,
    webhooks: `${tag}:webhooks`,
    webhooksRenewed: `${tag}:webhooks:renewed`,
    webhook: (endpoint, part) => `${tag}:webhook:${endpoint}:${part}`,
    webhookQueue: (endpoint, orderId) => `${tag}:webhook:${endpoint}:queue:${orderId}`,
    deliveries: (orderId) => `${tag}:deliveries:${orderId}`,
    token: (account) => `${tag}:token:${account}`,
    queuePrefix: (account) => `{${prefix}:${account}}`,
  };
}
