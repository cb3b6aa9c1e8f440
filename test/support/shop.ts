import type { AccountInfo } from '../../src/accounts/accounts.ts';
import { registerAccounts } from '../../src/accounts/registry.ts';
import { machineClock } from '../../src/domain/clock.ts';
import type { Order, Reading } from '../../src/domain/order.ts';
import { parseEvent, type ResultEvent } from '../../src/domain/result-event.ts';
import { defaultSchedule } from '../../src/domain/schedule.ts';
import { createOrderStore, type OrderStore } from '../../src/orders/store.ts';
import { providers } from '../../src/providers/index.ts';
import { receiptScope } from '../../src/providers/payment-scope.ts';
import type { Redis } from '../../src/redis/connection.ts';
import { createKeys, type Keys } from '../../src/redis/keys.ts';
import { settle } from '../../src/workers/settle-reading.ts';
import { anOrder, aPolicy } from './builders.ts';

/** 2026-01-15, noon in Nairobi: when the orders of these tests were created, and paid eight seconds later. */
export const noon = Date.UTC(2026, 0, 15, 9, 0, 0);

export interface Shop {
  readonly prefix: string;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: OrderStore;
  readonly env: { readonly REDIS_URL: string; readonly PREFIX: string };
  /** Opens an order of the account, and settles it by readings. */
  order(fields: Partial<Order>, ...readings: readonly Reading[]): Promise<void>;
  settle(orderId: string, reading: Reading): Promise<void>;
  /** All results of an order, as `paid/null`. */
  verdicts(orderId: string): Promise<string[]>;
  results(): Promise<ResultEvent[]>;
}

/** An account on a Redis. */
export async function shopOn(
  redis: Redis,
  url: string,
  prefix: string,
  account = 'daraja-stk',
  more: Partial<AccountInfo> = {},
): Promise<Shop> {
  const keys = createKeys(prefix);
  const store = createOrderStore({ redis, keys, retentionMs: 86_400_000 });
  const provider = more.provider ?? account;
  const info: AccountInfo = {
    ...{ provider, currency: 'KES', currencies: ['KES'], schedule: defaultSchedule },
    ...{ callbacks: false, sharedReferences: false, referenceScope: `${provider}:shop` },
    ...more,
  };
  await registerAccounts(redis, keys, new Map([[account, info]]));
  const declared = providers.get(provider);
  if (declared === undefined) throw new Error(provider);
  const payments = {
    isShared: info.sharedReferences,
    references: info.referenceScope ?? account,
    receiptsLike: (receipt: string) => receiptScope(declared, receipt),
  };
  const observer = { published() {}, contradiction() {}, neglected() {} };
  const settleOne = async (orderId: string, reading: Reading) => {
    const record = await store.read(orderId);
    if (record === null) throw new Error(orderId);
    await settle(
      {
        store,
        policy: aPolicy({ confirmAfterMs: 0 }),
        payments,
        clock: { ...machineClock, now: () => reading.at },
        observer,
      },
      store.settle,
      record,
      reading,
      null,
      undefined,
    );
  };
  const results = async () =>
    (await redis.xrange(keys.results, '-', '+')).map(([, fields]) => parseEvent(fields));
  return {
    ...{ prefix, redis, keys, store, results, settle: settleOne },
    env: { REDIS_URL: url, PREFIX: prefix },
    async order(fields, ...readings) {
      const order = anOrder({ account, provider, createdAt: noon, amountMinor: 10_000, ...fields });
      await store.open(order, noon + 8_000, [], payments);
      for (const reading of readings) await settleOne(order.orderId, reading);
    },
    verdicts: async (orderId) =>
      (await results())
        .filter(({ subject }) => subject === orderId)
        .map(({ data }) => `${data.status}/${data.reason}`),
  };
}
