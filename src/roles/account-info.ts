import type { AccountInfo } from '../accounts/accounts.ts';
import type { OwnAccounts } from '../accounts/known-accounts.ts';
import type { AccountConfig } from '../config/config.ts';
import type { PaymentRules } from '../orders/ownership.ts';
import { receiptScope, referenceScope } from '../providers/payment-scope.ts';

/** What producers are told of an account. */
export function accountInfo(account: AccountConfig): AccountInfo {
  const { provider, settings, currencies, schedule, overrideLimits, callbacks, sharedReferences } = account;
  const [currency] = currencies;
  // What the account itself does, its orders may do, too.
  const limits = {
    minIntervalMs: Math.min(overrideLimits.minIntervalMs, schedule.initialIntervalMs, schedule.maxIntervalMs),
    maxDeadlineMs: Math.max(overrideLimits.maxDeadlineMs, schedule.deadlineMs),
  };
  return {
    ...{ provider: provider.id, currency, currencies: [...currencies], schedule, limits, sharedReferences },
    callbacks: callbacks.token !== undefined,
    referenceScope: referenceScope(provider, settings),
  };
}

/** How far the payments of an account are told apart. */
export function paymentRules({ provider, settings, sharedReferences }: AccountConfig): PaymentRules {
  return {
    isShared: sharedReferences,
    references: referenceScope(provider, settings),
    receiptsLike: (receipt) => receiptScope(provider, receipt),
  };
}

/** What a process that serves these accounts knows of them without Redis. */
export function ownAccounts(accounts: readonly AccountConfig[]): OwnAccounts {
  return {
    accounts: new Map(accounts.map((account) => [account.id, accountInfo(account)])),
    learning: new Set(accounts.filter(({ adaptive }) => adaptive !== null).map(({ id }) => id)),
  };
}
