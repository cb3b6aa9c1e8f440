import type { AccountConfig } from '../config.ts';
import type { AccountInfo } from '../jobs/accounts.ts';

/** What producers are told of an account. */
export function accountInfo({ provider, currency, schedule, callbacks }: AccountConfig): AccountInfo {
  return { provider: provider.id, currency, schedule, callbacks: callbacks.token !== undefined };
}
