import type { AccountInfo } from '../../src/accounts/accounts.ts';
import { registerAccounts } from '../../src/accounts/registry.ts';
import { defaultSchedule } from '../../src/domain/schedule.ts';
import { providers } from '../../src/providers/index.ts';
import type { Redis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';

/** Account infos with one account per provider, on the default schedule. */
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

/** Registers one account per provider, as a service does at startup. */
export function registerEveryAccount(redis: Redis, prefix: string): Promise<void> {
  return registerAccounts(redis, createKeys(prefix), everyAccount());
}
