import { expect, onTestFinished, test } from 'vitest';
import { AccountsUnknownError } from '../../src/accounts/known-accounts.ts';
import {
  readRegistry,
  registerAccounts,
  registryGraceMs,
  servingMs,
  unregister,
} from '../../src/accounts/registry.ts';
import { createOwnProducer, createProducer } from '../../src/jobs/producer.ts';
import { countUnservedOrders } from '../../src/jobs/unserved-orders.ts';
import { createOrderStore } from '../../src/orders/store.ts';
import { providers } from '../../src/providers/index.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { everyAccount } from '../support/registered.ts';

const redis = testRedis();
const accounts = new Map(
  [...everyAccount()].filter(([account]) => account === 'jenga' || account === 'lipia'),
);
const order = { orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' };

function setup() {
  const prefix = testPrefix();
  const keys = createKeys(prefix);
  const producer = () => {
    const opened = createProducer({ redis, prefix });
    onTestFinished(() => opened.close());
    return opened;
  };
  return {
    ...{ prefix, keys, producer },
    /** Moves the last renewal of an account into the past. */
    age: async (account: string, ms: number) => {
      await redis.zincrby(keys.registryRenewed, -ms, account);
      for (const member of await redis.zrange(keys.registryServing, '0', '-1')) {
        if (member.startsWith(`${account} `)) await redis.zincrby(keys.registryServing, -ms, member);
      }
    },
  };
}

test('a producer throws AccountsUnknownError and accepts nothing while the accounts are unknown', async () => {
  const { keys, producer } = setup();
  const one = producer();
  const refused = one.enqueue(order);
  await expect(refused).rejects.toBeInstanceOf(AccountsUnknownError);
  await expect(refused).rejects.toThrow(/enqueue the order again, which is safe/);
  expect(await redis.exists(keys.open)).toBe(0);
  await registerAccounts(redis, keys, accounts);
  expect(await one.enqueue(order)).toMatchObject({ outcome: 'new' });
});

test('accepts orders of an account for an hour after it was last served, then refuses them with the reason', async () => {
  const { keys, producer, age } = setup();
  await registerAccounts(redis, keys, accounts, { processId: 'p1' });
  await unregister(redis, keys, accounts.keys(), 'p1');
  await age('jenga', registryGraceMs - 60_000);
  expect(await producer().enqueue(order)).toMatchObject({ outcome: 'new' });
  await age('jenga', 120_000);
  expect(await producer().enqueue({ ...order, orderId: 'ord-2' })).toMatchObject({
    outcome: 'invalid',
    faults: [
      { path: 'account', message: expect.stringMatching(/not been served by any payment-poller for 61 min/) },
    ],
  });
  expect(await producer().enqueue({ ...order, orderId: 'ord-3', account: 'lipia' })).toMatchObject({
    outcome: 'new',
  });
  await registerAccounts(redis, keys, accounts, { restore: true });
  expect(await producer().enqueue({ ...order, orderId: 'ord-2' })).toMatchObject({ outcome: 'new' });
});

test('refuses an unknown account as invalid when other accounts are known', async () => {
  const { keys, prefix } = setup();
  await registerAccounts(redis, keys, accounts);
  const known = createProducer({ redis, prefix });
  onTestFinished(() => known.close());
  expect(await known.enqueue(order)).toMatchObject({ outcome: 'new' });
  expect(await known.enqueue({ ...order, account: 'nobody', orderId: 'x' })).toMatchObject({
    outcome: 'invalid',
  });
});

test('a service accepts exactly its own accounts, with their configured schedules, whatever Redis holds', async () => {
  const { keys, prefix, producer } = setup();
  const [jenga] = accounts.values();
  if (jenga === undefined) throw new Error('There is no account.');
  const schedule = { ...jenga.schedule, firstPollAfterMs: 1_234 };
  const own = { accounts: new Map([['jenga', { ...jenga, schedule }]]), learning: new Set<string>() };
  const one = createOwnProducer({ redis, prefix }, own);
  onTestFinished(() => one.close());
  expect(await one.enqueue(order)).toMatchObject({ outcome: 'new' });
  const store = createOrderStore({ redis, keys, retentionMs: 1_000 });
  expect((await store.read('ord-1'))?.order.schedule.firstPollAfterMs).toBe(1_234);
  // Accounts that another process registered are not ours.
  await registerAccounts(redis, keys, accounts);
  expect(await one.enqueue({ ...order, orderId: 'ord-2', account: 'lipia' })).toMatchObject({
    outcome: 'invalid',
  });
  expect(await producer().enqueue({ ...order, orderId: 'ord-3', account: 'lipia' })).toMatchObject({
    outcome: 'new',
  });
});

test('the learnt time of the first poll is taken from Redis while it is there', async () => {
  const { keys, prefix } = setup();
  const [jenga] = accounts.values();
  if (jenga === undefined) throw new Error('There is no account.');
  const own = { accounts: new Map([['jenga', jenga]]), learning: new Set(['jenga']) };
  const firstPollOf = async (orderId: string) => {
    const one = createOwnProducer({ redis, prefix }, own);
    expect(await one.enqueue({ ...order, orderId })).toMatchObject({ outcome: 'new' });
    await one.close();
    const store = createOrderStore({ redis, keys, retentionMs: 1_000 });
    return (await store.read(orderId))?.order.schedule.firstPollAfterMs;
  };
  expect(await firstPollOf('a')).toBe(jenga.schedule.firstPollAfterMs);
  const schedule = { ...jenga.schedule, firstPollAfterMs: 4_321 };
  await registerAccounts(redis, keys, new Map([['jenga', { ...jenga, schedule }]]));
  await registerAccounts(redis, keys, own.accounts, { restore: true });
  expect(await firstPollOf('b')).toBe(4_321);
});

test('a process counts as serving until it stops or has not renewed for three minutes', async () => {
  const { keys, age } = setup();
  const served = async () => [...(await readRegistry(redis, keys, providers)).served].sort();
  await registerAccounts(redis, keys, accounts, { processId: 'p1' });
  await registerAccounts(redis, keys, accounts, { processId: 'p2' });
  await unregister(redis, keys, accounts.keys(), 'p1');
  expect(await served()).toEqual(['jenga', 'lipia']);
  await age('lipia', servingMs + 1_000);
  expect(await served()).toEqual(['jenga']);
  await unregister(redis, keys, accounts.keys(), 'p2');
  expect(await served()).toEqual([]);
});

test('entries of an earlier release count as renewed when first seen', async () => {
  const { keys, age, producer } = setup();
  await redis.hset(keys.registry, 'jenga', JSON.stringify(accounts.get('jenga')));
  expect(await producer().enqueue(order)).toMatchObject({ outcome: 'new' });
  await registerAccounts(redis, keys, new Map([...accounts].slice(1)));
  await age('jenga', registryGraceMs + 1_000);
  expect(await producer().enqueue({ ...order, orderId: 'ord-2' })).toMatchObject({ outcome: 'invalid' });
});

test('counts open orders of unserved accounts, even if the account is not registered', async () => {
  const { keys, producer } = setup();
  await registerAccounts(redis, keys, accounts, { processId: 'p1' });
  await producer().enqueueMany(['a', 'b', 'c'].map((orderId) => ({ ...order, orderId, reference: orderId })));
  const store = createOrderStore({ redis, keys, retentionMs: 1_000 });
  await store.open(anOrder({ orderId: 'd', account: 'forgotten' }), 1, []);
  expect(await countUnservedOrders(redis, keys, new Set())).toEqual(new Map([['forgotten', 1]]));
  await unregister(redis, keys, accounts.keys(), 'p1');
  expect(await countUnservedOrders(redis, keys, new Set(['lipia']))).toEqual(
    new Map([
      ['forgotten', 1],
      ['jenga', 3],
    ]),
  );
  expect(await countUnservedOrders(redis, keys, new Set(['jenga', 'forgotten']))).toEqual(new Map());
});
