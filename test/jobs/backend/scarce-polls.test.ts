import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { createPollBackend } from '../../../src/jobs/backend/poll-backend.ts';
import { createTurns } from '../../../src/jobs/backend/poll-exchange.ts';
import { jobIdOf, orderIdOf, pollJob, pollJobOptions } from '../../../src/jobs/queue.ts';
import { createKeys } from '../../../src/redis/keys.ts';
import { testPrefix, testRedis } from '../../support/redis.ts';
import { until } from '../../support/waiting.ts';

const redis = testRedis();
const lockDuration = 30_000;

/** A queue whose jobs have been due for so long, with these patiences in seconds. */
async function setup(due: readonly { id: string; sinceMs: number; patience: number }[], max: number) {
  const keys = createKeys(testPrefix());
  const limiter = { max, duration: 60_000 };
  const options = { connection: redis, prefix: keys.queuePrefix('shop'), lockDuration, limiter };
  const queue = new Queue('shop', { ...options, defaultJobOptions: pollJobOptions });
  onTestFinished(() => queue.close());
  const now = Date.now();
  await queue.addBulk(due.map(({ id }) => pollJob(id, now + 60_000, now)));
  const scores = due.flatMap(({ id, sinceMs, patience }) => [
    String((now - sinceMs) * 4_096 + patience),
    jobIdOf(id),
  ]);
  await redis.zadd(queue.toKey('delayed'), ...scores);
  const backend = createPollBackend(redis, { lockDuration, limiter, isTraced: false, concurrency: 20 })(
    'shop',
    options,
    { withBlockingConnection: false },
  );
  backend.on('error', () => {});
  onTestFinished(() => backend.close(true));
  const turns = createTurns(redis, backend.keys, { lockDuration, limiter, isTraced: false }, 'token');
  return {
    queue,
    turns,
    /** Begins a new window of the rate limit. */
    async nextWindow() {
      await redis.del(queue.toKey('limiter'));
    },
    async started(most = 20): Promise<string[]> {
      const { jobs } = await turns.take(most);
      return jobs.map(({ id }) => orderIdOf(id ?? '') ?? '');
    },
  };
}

test('where fewer may start than are due, those start that count as due first', async () => {
  const { started } = await setup(
    [
      { id: 'watch', sinceMs: 60_000, patience: 1_800 },
      { id: 'older', sinceMs: 50_000, patience: 120 },
      { id: 'likely', sinceMs: 3_000, patience: 5 },
      { id: 'deadline', sinceMs: 2_000, patience: 1 },
      { id: 'new', sinceMs: 500, patience: 0 },
    ],
    3,
  );
  expect(await started()).toEqual(['deadline', 'new', 'likely']);
});

test('what has waited for its patience goes before what is more valuable', async () => {
  const { started } = await setup(
    [
      { id: 'watch', sinceMs: 1_810_000, patience: 1_800 },
      { id: 'older', sinceMs: 130_000, patience: 120 },
      { id: 'likely', sinceMs: 3_000, patience: 5 },
      { id: 'new', sinceMs: 500, patience: 0 },
    ],
    2,
  );
  expect((await started()).toSorted()).toEqual(['older', 'watch']);
});

test('where all may start, they start as they came due', async () => {
  const { started } = await setup(
    [
      { id: 'watch', sinceMs: 60_000, patience: 1_800 },
      { id: 'new', sinceMs: 500, patience: 0 },
    ],
    10,
  );
  expect(await started()).toEqual(['watch', 'new']);
});

test('among very many, the valuable ones are found that came due last, and the oldest ones', async () => {
  const many = Array.from({ length: 300 }, (_, nth) => ({
    ...{ id: `older:${nth}`, sinceMs: 90_000 - nth, patience: 120 },
  }));
  const { started } = await setup(
    [{ id: 'watch', sinceMs: 2_000_000, patience: 1_800 }, ...many, { id: 'new', sinceMs: 500, patience: 0 }],
    3,
  );
  expect(await started()).toEqual(['watch', 'new', 'older:0']);
});

test('a deadline poll that a long backlog has left behind is found, too', async () => {
  const backlog = (from: number, patience: number, name: string) =>
    Array.from({ length: 700 }, (_, nth) => ({
      ...{ id: `${name}:${nth}`, sinceMs: from - nth, patience },
    }));
  // Far from the earliest and from the latest, which are all less valuable.
  const { started, nextWindow } = await setup(
    [
      ...backlog(90_000, 1_800, 'watch'),
      { id: 'deadline', sinceMs: 50_000, patience: 1 },
      ...backlog(30_000, 120, 'older'),
    ],
    1,
  );
  let windows = 0;
  await until('it has started', async () => {
    windows += 1;
    await nextWindow();
    return (await started(1)).includes('deadline');
  });
  // Not only once nearly all of those before it have.
  expect(windows).toBeLessThan(100);
});

test('a name without a job does not take the place of one', async () => {
  const { started, queue } = await setup([{ id: 'older', sinceMs: 5_000, patience: 120 }], 1);
  await redis.zadd(queue.toKey('delayed'), String((Date.now() - 500) * 4_096), 'o~ghost');
  expect(await started()).toEqual(['older']);
  expect(await redis.zscore(queue.toKey('delayed'), 'o~ghost')).toBeNull();
});

test('a job that is let go carries its patience, and keeps its due time', async () => {
  const { turns, started, queue } = await setup([{ id: 'a', sinceMs: 10, patience: 0 }], 10);
  expect(await started()).toEqual(['a']);
  const at = Date.now() + 60_000;
  expect(await turns.letGo(jobIdOf('a'), at, 120_000)).toBe(0);
  const score = Number(await redis.zscore(queue.toKey('delayed'), jobIdOf('a')));
  expect([Math.floor(score / 4_096), score % 4_096]).toEqual([at, 120]);
  expect((await queue.getJob(jobIdOf('a')))?.id).toBe(jobIdOf('a'));
});
