import type { AccountInfo } from '../../src/accounts/accounts.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { type Shop, shopOn } from '../support/shop.ts';

/** An account in a prefix of its own, on the Redis of the run. */
export function openShop(account = 'daraja-stk', more: Partial<AccountInfo> = {}): Promise<Shop> {
  return shopOn(testRedis(), testRedisUrl(), testPrefix(), account, more);
}

export { mpesaRow, mpesaStatement } from '../support/mpesa-statement.ts';
export { noon, type Shop } from '../support/shop.ts';
