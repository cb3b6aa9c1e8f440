import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCircuitBreaker } from '../../src/accounts/circuit-breaker.ts';
import { createPauseKeeper, endPause, readPause, setPause } from '../../src/accounts/pause.ts';
import { resumeAccount } from '../../src/jobs/pause-account.ts';
import { pollNow } from '../../src/jobs/poll-now.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { testPrefix, testRedis } from '../support/redis.ts';
import { type HeldGateway, startHeldGateway } from '../support/service-gateway.ts';
import { setupParts } from '../support/service-parts.ts';
import { account, aHurriedOrder, breakerPolicy, hurried } from '../support/service-parts-of-account.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
const words = { by: 'amina', reason: 'the provider asked us to stop' };
let gateway: HeldGateway;
let orders = 0;

beforeAll(async () => {
  gateway = await startHeldGateway();
});
afterAll(() => gateway.close());

function setup(pausedRetryMs = 20) {
  orders += 1;
  const orderId = `paused:${orders}`;
  const { parts, store, queue, keys, enqueue, startWorker, events } = setupParts(
    redis,
    testPrefix(),
    gateway.url,
  );
  const startsOf = async () =>
    Number((await redis.hget(queue.toKey(`o~${orderId.replace(':', '~')}`), 'ats')) ?? 0);
  const breaker = createCircuitBreaker({
    ...{ redis, keys, account, policy: breakerPolicy, credentials: 'first', pollMs: 2_000 },
    pausedRetryMs,
  });
  return {
    ...{ parts, store, queue, keys, orderId },
    begin: () => startWorker({ breaker }),
    order: (schedule = {}) => enqueue(aHurriedOrder({ orderId, schedule: { ...hurried, ...schedule } })),
    pause: () => setPause(redis, keys, account, words),
    resume: () => endPause(redis, keys, account, 'amina'),
    verdicts: async () =>
      (await events(orderId)).map(({ id, data }) => `${id} ${data.status}/${data.reason}`),
    events: () => events(orderId),
    /** The next turns of the job, which has come to nothing so far. */
    async turns(count: number) {
      const before = await startsOf();
      await until('further turns', async () => (await startsOf()) >= before + count);
    },
    firstTurn: () => until('a turn', async () => (await startsOf()) > 0),
  };
}

test('nobody is asked, also by a hint; after the pause the order goes on as before', async () => {
  const { begin, order, pause, resume, turns, orderId, store, queue, verdicts } = setup();
  await pause();
  await order();
  await begin();
  await turns(3);
  await pollNow(store, queue, orderId, 0);
  await turns(3);
  expect([gateway.arrivals(orderId), await verdicts()]).toEqual([[], []]);
  expect(await store.read(orderId)).toMatchObject({ progress: { phase: 'asking', polls: 0 } });
  gateway.say('paid', orderId);
  await resume();
  await until('a verdict', async () => (await verdicts()).length > 0);
  expect(await verdicts()).toEqual([`${orderId}:1 paid/null`]);
});

test('an order whose deadline passes gets its event unasked, never a failure, and the truth after the pause', async () => {
  const { begin, order, pause, resume, turns, orderId, verdicts, events } = setup();
  gateway.say('cancelled', orderId);
  await pause();
  await order({ deadlineMs: 300 });
  await Promise.all([begin(), begin()]);
  await until('a verdict', async () => (await verdicts()).length > 0);
  await turns(3);
  expect(await verdicts()).toEqual([`${orderId}:1 unresolved/deadline`]);
  const [event] = await events();
  expect(event?.data).toMatchObject({
    ...{ polls: 0, answeredPolls: 0 },
    evidence: [
      { reading: 'unavailable', httpStatus: null, providerMessage: expect.stringMatching(/^not sent: /) },
    ],
  });
  expect(gateway.arrivals(orderId)).toEqual([]);
  gateway.say('paid', orderId);
  await resume();
  await until('a correction', async () => (await verdicts()).length > 1);
  expect((await verdicts()).at(-1)).toBe(`${orderId}:2 paid/null`);
});

test('an answer that is under way when the account is paused still counts', async () => {
  const { begin, order, pause, orderId, verdicts } = setup();
  gateway.hold(orderId);
  await order();
  await begin();
  await gateway.arrived(orderId, 1);
  await pause();
  gateway.say('paid', orderId);
  gateway.release(orderId);
  await until('a verdict', async () => (await verdicts()).length > 0);
  expect(await verdicts()).toEqual([`${orderId}:1 paid/null`]);
});

test('a pause that Redis has lost stays in effect: it is restored by the next order that asks', async () => {
  const { begin, order, pause, resume, turns, orderId, keys, verdicts } = setup();
  await pause();
  await order();
  await begin();
  await turns(2);
  await redis.del(keys.breaker(account));
  await turns(2);
  expect([gateway.arrivals(orderId), await readPause(redis, keys, account)]).toMatchObject([[], words]);
  // A key of another type hides the pause, and does not end it.
  await redis.set(keys.breaker(account), 'damaged');
  await turns(2);
  expect(gateway.arrivals(orderId)).toEqual([]);
  await redis.del(keys.breaker(account));
  await turns(2);
  gateway.say('paid', orderId);
  await resume();
  await until('a verdict', async () => (await verdicts()).length > 0);
  expect(await verdicts()).toEqual([`${orderId}:1 paid/null`]);
});

test('after a resume, orders that waited for it are polled at once', async () => {
  const hourMs = 3_600_000;
  const { begin, order, pause, firstTurn, orderId, queue, keys, verdicts } = setup(hourMs);
  gateway.say('paid', orderId);
  await pause();
  await order({ deadlineMs: 2 * hourMs });
  await begin();
  await firstTurn();
  expect(await resumeAccount(redis, keys, account, queue, 'amina')).toBe('resumed');
  await until('a verdict', async () => (await verdicts()).length > 0);
  expect(await verdicts()).toEqual([`${orderId}:1 paid/null`]);
});

test('pausing again keeps the time and takes the new reason; each change is published once', async () => {
  const keys = createKeys(testPrefix());
  const pause = (reason: string) => setPause(redis, keys, account, { by: 'amina', reason });
  expect(await endPause(redis, keys, account, 'amina')).toBe('same');
  expect([await pause('a'), await pause('a')]).toEqual(['changed', 'same']);
  const first = await readPause(redis, keys, account);
  expect(await pause('b')).toBe('changed');
  expect(await readPause(redis, keys, account)).toEqual({ ...first, reason: 'b' });
  const ends = await Promise.all([1, 2, 3].map(() => endPause(redis, keys, account, 'kamau')));
  expect(ends.sort()).toEqual(['changed', 'same', 'same']);
  expect(await readPause(redis, keys, account)).toBeNull();
  expect(await redis.xlen(keys.accounts)).toBe(3);
});

test('a pause that Redis has lost is restored; one that ended is not, whichever process missed the end', async () => {
  const keys = createKeys(testPrefix());
  const [one, two] = [createPauseKeeper(redis, keys, [account]), createPauseKeeper(redis, keys, [account])];
  await setPause(redis, keys, account, words);
  await one.sync();
  await redis.del(keys.breaker(account));
  await two.sync();
  expect(await readPause(redis, keys, account)).toBeNull();
  await one.sync();
  expect(await readPause(redis, keys, account)).toMatchObject(words);
  await endPause(redis, keys, account, 'amina');
  await two.sync();
  await one.sync();
  expect(await readPause(redis, keys, account)).toBeNull();
  // A failover has brought a clock that is an hour behind.
  const ahead = JSON.stringify({ isPaused: true, at: Date.now() + 3_600_000, since: Date.now(), ...words });
  await redis.hset(keys.breaker(account), 'pause', ahead);
  await one.sync();
  await endPause(redis, keys, account, 'amina');
  await one.sync();
  expect(await readPause(redis, keys, account)).toBeNull();
  await redis.hset(keys.breaker(account), 'pause', '{"isPaused":');
  expect(await readPause(redis, keys, account)).toBeNull();
});
