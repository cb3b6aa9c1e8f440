import { createOverview } from '../api/ui/overview.ts';
import type { Config } from '../config/config.ts';
import { fingerprintOf } from '../observability/package-info.ts';
import { credentialsOf } from '../providers/known-secrets.ts';
import type { Redis } from '../redis/connection.ts';
import type { Shared } from './shared.ts';

/** The figures, over the connection and the queues given. */
export function overviewOf({ config, keys }: Shared, redis: Redis, queue: Shared['queue']) {
  return createOverview({ redis, keys, accounts: accountsShown(config), queue });
}

/** What people are shown of the accounts. */
export function accountsShown({ accounts }: Config) {
  return accounts.map(({ id, provider, ratePerSecond, settings }) => ({
    ...{ id, provider: provider.id, ratePerSecond },
    credentials: fingerprintOf(credentialsOf(provider, settings)),
  }));
}
