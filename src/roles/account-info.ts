import type { AccountConfig } from '../config.ts';
import type { AccountInfo } from '../jobs/accounts.ts';

/** What producers are told of an account. */
export function accountInfo({ provider, currencies, schedule, callbacks }: AccountConfig): AccountInfo {
  const [currency] = currencies;
  const isCalledBack = callbacks.token !== undefined;
  return { provider: provider.id, currency, currencies: [...currencies], schedule, callbacks: isCalledBack };
}
