import type { AccountConfig } from '../config.ts';
import type { AccountInfo } from '../jobs/accounts.ts';

/** What producers are told of an account. */
export function accountInfo(account: AccountConfig): AccountInfo {
  const { provider, currencies, schedule, callbacks, sharedReferences } = account;
  const [currency] = currencies;
  return {
    ...{ provider: provider.id, currency, currencies: [...currencies], schedule, sharedReferences },
    callbacks: callbacks.token !== undefined,
  };
}
