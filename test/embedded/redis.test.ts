import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DelayedError, Queue, Worker } from 'bullmq';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findExecutable } from '../../src/embedded/executables.ts';
import { defaultRedisImage, type FindRedisOptions, type FoundRedis } from '../../src/embedded/found-redis.ts';
import { findRedis } from '../../src/embedded/redis.ts';
import { awaitRedis, connectRedis } from '../../src/redis/connection.ts';
import { testRedisUrl } from '../support/redis.ts';

const path = process.env.PATH ?? '';
const image = process.env.TEST_REDIS_IMAGE || defaultRedisImage;
const onlyServer = { docker: false };
const none = { server: false, docker: false };
const serverExecutable = await findExecutable(['redis-server', 'valkey-server'], path);
/** Nothing is downloaded for this one: the image is here already, or the test is left out. */
const hasImage = await promisify(execFile)('docker', ['image', 'inspect', image], { timeout: 2_000 }).then(
  () => true,
  () => false,
);

const kinds: { kind: FoundRedis['kind']; isHere: boolean; options: FindRedisOptions }[] = [
  { kind: 'given', isHere: true, options: { path: '', url: testRedisUrl() } },
  { kind: 'server', isHere: serverExecutable !== undefined, options: { path, allow: onlyServer } },
  { kind: 'docker', isHere: hasImage, options: { path, allow: { server: false }, image } },
  { kind: 'in-process', isHere: true, options: { path, allow: { ...none, inProcess: true } } },
];

describe.each(kinds)('a Redis of kind $kind', ({ kind, isHere, options }) => {
  test.runIf(isHere)('carries a delayed job that delays itself again, and a script on a stream', async () => {
    const redis = await findRedis(options);
    onTestFinished(() => redis.close());
    expect(redis.kind).toBe(kind);
    expect(redis.durable).toBe(kind !== 'in-process');
    expect(await runDelayedJob(redis.url)).toEqual({
      attemptsMade: 1,
      attemptsStarted: 3,
      data: { polls: 2 },
    });
    expect(await settleTwice(redis.url)).toEqual([1, 0, ['id', 'ord-1:1'], { version: '1' }]);
  });

  test.runIf(isHere)('closes under a connection that waits for something, and twice', async () => {
    const redis = await findRedis(options);
    const client = connectRedis(redis.url, 'patient');
    onTestFinished(() => client.disconnect());
    await awaitRedis(client, redis.url, 40_000);
    client.bzpopmin('{nothing}:here', 0).catch(() => 'the connection ends under it');
    await redis.close();
    await redis.close();
  });
});

describe('when there is no Redis to be had', () => {
  const help = /^No Redis was found: install redis-server .*, start Docker, or set REDIS_URL .*\.$/;

  test('says in one sentence what to install', async () => {
    await expect(findRedis({ path: '' })).rejects.toThrow(help);
    await expect(findRedis({ path, allow: none })).rejects.toThrow(help);
  });

  test('keeps why a server that is there did not start, and says it', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'payment-poller-test-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    await writeFile(join(dir, 'redis-server'), '#!/bin/sh\necho "Fatal: no luck today" >&2\nexit 3\n');
    await chmod(join(dir, 'redis-server'), 0o755);
    const lines: string[] = [];
    const finding = findRedis({ path: dir, announce: (line) => lines.push(line) });
    await expect(finding).rejects.toThrow(help);
    expect(lines).toEqual(['redis-server did not start: Fatal: no luck today']);
  });

  test('never repeats the password of a given URL', async () => {
    const { description } = await findRedis({ path: '', url: 'redis://user:secret@redis.example:6379/0' });
    expect(description).toBe('the Redis at redis://redis.example:6379/0');
  });
});

/** One BullMQ job, polled three times, on keys whose hash tag is the queue's own. */
async function runDelayedJob(url: string) {
  const connection = connectRedis(url, 'patient');
  const options = { connection, prefix: `{t-embedded-${process.pid}}` };
  const queue = new Queue('polls', options);
  const worker = new Worker(
    'polls',
    async (job, token) => {
      if (job.data.polls === 2) return;
      await job.updateData({ polls: job.data.polls + 1 });
      await job.moveToDelayed(Date.now() + 20, token);
      throw new DelayedError();
    },
    options,
  );
  try {
    const completed = once(worker, 'completed');
    await queue.add('poll', { polls: 0 }, { jobId: 'ord-1', delay: 20 });
    const [{ attemptsMade, attemptsStarted, data }] = await completed;
    return { attemptsMade, attemptsStarted, data };
  } finally {
    await worker.close();
    await queue.obliterate({ force: true });
    await queue.close();
    connection.disconnect();
  }
}

/** The shape of our settling script: a version guard, a hash, a sorted set and a stream, in one slot. */
async function settleTwice(url: string) {
  const script = `
    if tonumber(redis.call('HGET', KEYS[1], 'version') or '0') >= tonumber(ARGV[2]) then return 0 end
    redis.call('HSET', KEYS[1], 'version', ARGV[2])
    redis.call('ZREM', KEYS[3], ARGV[1])
    redis.call('XADD', KEYS[2], '*', 'id', ARGV[1] .. ':' .. ARGV[2])
    return 1`;
  return withClient(url, async (client) => {
    const tag = `{t-embedded-${process.pid}}`;
    const keys = [`${tag}:order:ord-1`, `${tag}:results`, `${tag}:open`];
    const sha = (await client.script('LOAD', script)) as string;
    await client.zadd(`${tag}:open`, 1, 'ord-1');
    const first = await client.evalsha(sha, 3, ...keys, 'ord-1', '1');
    const second = await client.evalsha(sha, 3, ...keys, 'ord-1', '1');
    await client.xgroup('CREATE', `${tag}:results`, 'shop', '0');
    const read = await client.xreadgroup(
      'GROUP',
      'shop',
      'c1',
      'COUNT',
      10,
      'STREAMS',
      `${tag}:results`,
      '>',
    );
    const record = await client.hgetall(`${tag}:order:ord-1`);
    await client.unlink(keys);
    const [[, [[, fields]]]] = read as [[string, [[string, string[]]]]];
    return [first, second, fields, record];
  });
}

async function withClient<T>(url: string, use: (client: ReturnType<typeof connectRedis>) => Promise<T>) {
  const client = connectRedis(url, 'patient');
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}
