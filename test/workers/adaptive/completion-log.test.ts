import { expect, test } from 'vitest';
import { createKeys } from '../../../src/redis/keys.ts';
import { createCompletionLog } from '../../../src/workers/adaptive/completion-log.ts';
import { binOf, memoryOrders, weightOf } from '../../../src/workers/adaptive/completion-times.ts';
import { testPrefix, testRedis } from '../../support/redis.ts';

const redis = testRedis();

function setup() {
  const keys = createKeys(testPrefix());
  return { keys, key: keys.completions('shop'), open: () => createCompletionLog(redis, keys, 'shop') };
}

test('two processes learn together', async () => {
  const { open } = setup();
  const [one, other] = [open(), open()];
  one.note({ fromMs: 8_000, toMs: 13_000 });
  other.note({ fromMs: 15_000, toMs: 15_000 });
  other.note('never');
  expect(await one.exchange()).toMatchObject({ seen: 1, times: { never: 0 } });
  const { seen, times } = await other.exchange();
  expect(seen).toBe(3);
  expect(weightOf(times)).toBeCloseTo(3, 3);
  expect(times.never).toBe(1);
  expect(times.bins[binOf(15_000)]).toBeCloseTo(1, 3);
  expect((await one.exchange()).times).toEqual(times);
});

test('an order is handed over once', async () => {
  const { open } = setup();
  const log = open();
  log.note('never');
  await log.exchange();
  expect((await log.exchange()).times.never).toBe(1);
});

test('old orders fade as new ones come, so that the hash stays bounded and follows a change', async () => {
  const { open, key } = setup();
  const log = open();
  for (let order = 0; order < 2 * memoryOrders; order += 1) log.note({ fromMs: 5_000, toMs: 5_000 });
  await log.exchange();
  for (let order = 0; order < memoryOrders; order += 1) log.note({ fromMs: 60_000, toMs: 60_000 });
  const { seen, times } = await log.exchange();
  expect(seen).toBe(3 * memoryOrders);
  expect(weightOf(times)).toBeCloseTo(memoryOrders, 0);
  expect(times.bins[binOf(60_000)]).toBeCloseTo(memoryOrders / 2, 0);
  expect(await redis.hlen(key)).toBe(3);
  expect(await redis.pttl(key)).toBeGreaterThan(0);
});

test('what somebody broke counts as nothing', async () => {
  const { open, key } = setup();
  const rubbish = {
    never: 'x',
    seen: '-3',
    '99999': '7',
    '-1': '7',
    bin: '7',
    '3': '-2',
    '4': 'nan',
    '5': '2',
  };
  await redis.hset(key, rubbish);
  const { seen, times } = await open().exchange();
  expect(seen).toBe(0);
  expect(weightOf(times)).toBe(2);
});
