import type { AccountInfo } from '../accounts/accounts.ts';
import type { OwnAccounts } from '../accounts/known-accounts.ts';
import type { AccountConfig, Config } from '../config/config.ts';
import type { PaymentRules } from '../orders/ownership.ts';
import { receiptScope, referenceScope } from '../providers/payment-scope.ts';

/** The registry entry of an account. `indexedMetadata`: metadata keys by which its orders are found. */
export function accountInfo(account: AccountConfig, indexedMetadata: readonly string[] = []): AccountInfo {
  const { provider, settings, currencies, schedule, overrideLimits, callbacks, sharedReferences } = account;
  const [currency] = currencies;
  // Orders may always use the account's own schedule.
  const limits = {
    minIntervalMs: Math.min(overrideLimits.minIntervalMs, schedule.initialIntervalMs, schedule.maxIntervalMs),
    maxDeadlineMs: Math.max(overrideLimits.maxDeadlineMs, schedule.deadlineMs),
  };
  return {
    ...{ provider: provider.id, currency, currencies: [...currencies], schedule, limits, sharedReferences },
    callbacks: callbacks.token !== undefined,
    referenceScope: referenceScope(provider, settings),
    ...(indexedMetadata.length > 0 && { indexedMetadata: [...indexedMetadata] }),
  };
}

/** The rules of an account on which payments are the same. */
export function paymentRules({ provider, settings, sharedReferences }: AccountConfig): PaymentRules {
  return {
    isShared: sharedReferences,
    references: referenceScope(provider, settings),
    receiptsLike: (receipt) => receiptScope(provider, receipt),
  };
}

/** The accounts of this process, from its configuration. */
export function ownAccounts({
  accounts,
  indexedMetadata,
}: Pick<Config, 'accounts' | 'indexedMetadata'>): OwnAccounts {
  return {
    accounts: new Map(accounts.map((account) => [account.id, accountInfo(account, indexedMetadata)])),
    learning: new Set(accounts.filter(({ adaptive }) => adaptive !== null).map(({ id }) => id)),
  };
}
