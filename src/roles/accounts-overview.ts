import { createOverview } from '../api/ui/overview.ts';
import type { Config } from '../config/config.ts';
import { fingerprintOf } from '../observability/package-info.ts';
import { credentialsOf } from '../providers/known-secrets.ts';
import type { Redis } from '../redis/connection.ts';
import type { Shared } from './shared.ts';

/** Creates the overview of this service's accounts. */
export function overviewOf({ config, keys }: Shared, redis: Redis, queue: Shared['queue']) {
  return createOverview({ redis, keys, accounts: accountsShown(config), queue });
}

/** The accounts as the pages show them. */
export function accountsShown({ accounts }: Config) {
  return accounts.map(({ id, provider, ratePerSecond, settings }) => ({
    ...{ id, provider: provider.id, ratePerSecond },
    credentials: fingerprintOf(credentialsOf(provider, settings)),
  }));
}
