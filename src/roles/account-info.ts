import type { AccountInfo } from '../accounts/accounts.ts';
import type { OwnAccounts } from '../accounts/known-accounts.ts';
import type { AccountConfig } from '../config/config.ts';

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

/** What a process that serves these accounts knows of them without Redis. */
export function ownAccounts(accounts: readonly AccountConfig[]): OwnAccounts {
  return {
    accounts: new Map(accounts.map((account) => [account.id, accountInfo(account)])),
    learning: new Set(accounts.filter(({ adaptive }) => adaptive !== null).map(({ id }) => id)),
  };
}
