import type { AccountConfig } from '../config.ts';
import type { AccountInfo } from '../jobs/accounts.ts';

/** What producers are told of an account. */
export function accountInfo(account: AccountConfig): AccountInfo {
  const { provider, currencies, schedule, overrideLimits, callbacks, sharedReferences } = account;
  const [currency] = currencies;
  // What the account itself does, its orders may do, too.
  const limits = {
    minIntervalMs: Math.min(overrideLimits.minIntervalMs, schedule.initialIntervalMs, schedule.maxIntervalMs),
    maxDeadlineMs: Math.max(overrideLimits.maxDeadlineMs, schedule.deadlineMs),
  };
  return {
    ...{ provider: provider.id, currency, currencies: [...currencies], schedule, limits, sharedReferences },
    callbacks: callbacks.token !== undefined,
  };
}
