import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import type { OrderStore } from './store.ts';

/** Open orders that were accepted when their account had another provider. */
export interface ChangedProvider {
  readonly account: string;
  /** The provider of the orders. */
  readonly before: string;
  /** The provider of the account. */
  readonly now: string;
  readonly orders: number;
  /** The id of one of them. */
  readonly example: string;
}

/** The number of open orders examined. Orders that cannot be polled are overdue, so they come first. */
export const changedProviderLimit = 1_000;

/**
 * Finds open orders whose account now has another provider, among the first `changedProviderLimit` by next poll.
 *
 * @param providers the provider of every account of this process
 */
export async function findChangedProviders(
  redis: Redis,
  keys: Keys,
  store: Pick<OrderStore, 'read'>,
  providers: ReadonlyMap<string, string>,
): Promise<ChangedProvider[]> {
  const orderIds = await redis.zrange(keys.open, '0', String(changedProviderLimit - 1));
  // The sweeper reports records that cannot be read.
  const records = await Promise.all(orderIds.map((id) => store.read(id).catch(() => null)));
  const found = new Map<string, ChangedProvider>();
  for (const record of records) {
    if (record === null || record.nextPollAt === null) continue;
    const { account, provider: before, orderId } = record.order;
    const now = providers.get(account);
    if (now === undefined || now === before) continue;
    const known = found.get(`${account} ${before}`) ?? { account, before, now, orders: 0, example: orderId };
    found.set(`${account} ${before}`, { ...known, orders: known.orders + 1 });
  }
  return [...found.values()];
}

/** A sentence that says what is wrong and what to do. */
export function changedProviderText({ account, before, now, orders, example }: ChangedProvider): string {
  const which = orders === 1 ? `the open order ${example}` : `${orders} open orders, among them ${example},`;
  return `${which} belong${orders === 1 ? 's' : ''} to ${before}, but ACCOUNTS says ${account}=${now}: ${orders === 1 ? 'it is' : 'they are'} not polled; set ${account}=${before} again and give ${now} a separate account id`;
}
