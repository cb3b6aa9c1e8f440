import type { AccountInfo } from '../../src/accounts/accounts.ts';
import { registerAccounts } from '../../src/accounts/registry.ts';
import { defaultSchedule } from '../../src/domain/schedule.ts';
import { providers } from '../../src/providers/index.ts';
import type { Redis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';

/** What a service with one account for every provider, on the default schedule, makes known. */
export function everyAccount(): Map<string, AccountInfo> {
  return new Map(
    [...providers.values()].map(({ id, currencies }) => [
      id,
      {
        ...{ provider: id, currency: currencies[0], currencies: [...currencies], schedule: defaultSchedule },
        ...{ callbacks: false, sharedReferences: false },
      },
    ]),
  );
}

/** Makes an account known for every provider, as a service does at its start. */
export function registerEveryAccount(redis: Redis, prefix: string): Promise<void> {
  return registerAccounts(redis, createKeys(prefix), everyAccount());
}
