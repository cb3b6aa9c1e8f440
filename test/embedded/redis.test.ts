import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { DelayedError, Queue, Worker } from 'bullmq';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { findExecutable } from '../../src/embedded/executables.ts';
import {
  defaultRedisImage,
  type FindRedisOptions,
  type FoundRedis,
  findRedis,
} from '../../src/embedded/redis.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { connectRedis } from '../../src/redis.ts';
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
    await once(client, 'ready');
    client.bzpopmin('{nothing}:here', 0).catch(() => 'the connection ends under it');
    await redis.close();
    await redis.close();
  });
});

describe.runIf(serverExecutable !== undefined)('a server on the PATH', () => {
  const executable = serverExecutable ?? '';

  test('is gone with its files after close', async () => {
    const redis = await findRedis({ path, allow: onlyServer });
    const dir = dirOf(redis);
    expect(isAlive(redis.pid)).toBe(true);
    expect(existsSync(dir)).toBe(true);
    await redis.close();
    expect(isAlive(redis.pid)).toBe(false);
    expect(existsSync(dir)).toBe(false);
  });

  test('keeps a given folder, and finds its data there again', async () => {
    const dir = await temporaryFolder();
    const first = await startRedisServer(executable, { dir, appendfsync: 'always' });
    await withClient(first.url, (client) => client.set('kept', 'yes'));
    await first.close();
    expect(await readdir(dir)).not.toEqual([]);
    const second = await startRedisServer(executable, { dir });
    onTestFinished(() => second.close());
    expect(await withClient(second.url, (client) => client.get('kept'))).toBe('yes');
  });

  test('is safe for payments: evicts nothing, writes everything down, listens on loopback only', async () => {
    const redis = await startRedisServer(executable, { appendfsync: 'always' });
    onTestFinished(() => redis.close());
    const settings = ['maxmemory-policy', 'appendonly', 'appendfsync', 'bind', 'protected-mode'];
    expect(await withClient(redis.url, (client) => client.config('GET', ...settings))).toEqual(
      expect.arrayContaining(['noeviction', 'yes', 'always', '127.0.0.1']),
    );
  });

  test('takes another port when the first is taken, even by another Redis', async () => {
    const other = await startRedisServer(executable);
    onTestFinished(() => other.close());
    const stranger = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    onTestFinished(() => void stranger.close());
    const free = await portThatWasFree();
    const ports = [(stranger.address() as AddressInfo).port, Number(new URL(other.url).port), free];
    const redis = await startRedisServer(executable, { choosePort: async () => ports.shift() ?? 0 });
    onTestFinished(() => redis.close());
    expect(redis.url).toBe(`redis://127.0.0.1:${free}`);
    expect(ports).toEqual([]);
  });

  test('says so when it ends by itself', async () => {
    const lines: string[] = [];
    const redis = await startRedisServer(executable, { announce: (line) => lines.push(line) });
    onTestFinished(() => redis.close());
    process.kill(redis.pid ?? 0, 'SIGKILL');
    await vi.waitFor(() => expect(lines).toEqual(['The Redis that we started ended by itself: SIGKILL.']));
  });

  test('ends, with its files, when this process is killed', async () => {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', crashingParent], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
    const redis = JSON.parse(line) as FoundRedis;
    parent.kill('SIGKILL');
    await once(parent, 'close');
    await vi.waitFor(() => expect(existsSync(dirOf(redis))).toBe(false), { timeout: 10_000 });
    const socket = connect(Number(new URL(redis.url).port), '127.0.0.1');
    await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
  });
});

describe('when there is no Redis to be had', () => {
  const help = /^No Redis was found: install redis-server .*, start Docker, or set REDIS_URL .*\.$/;

  test('says in one sentence what to install', async () => {
    await expect(findRedis({ path: '' })).rejects.toThrow(help);
    await expect(findRedis({ path, allow: none })).rejects.toThrow(help);
  });

  test('keeps why a server that is there did not start, and says it', async () => {
    const dir = await temporaryFolder();
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

const crashingParent = `
  import { findRedis } from ${JSON.stringify(new URL('../../src/embedded/redis.ts', import.meta.url).href)};
  console.log(JSON.stringify(await findRedis({ path: ${JSON.stringify(path)}, allow: { docker: false } })));
`;

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

function dirOf({ description }: FoundRedis): string {
  return /append-only file in (\S+)$/.exec(description)?.[1] ?? '';
}

function isAlive(pid: number | undefined): boolean {
  try {
    return process.kill(pid ?? 0, 0);
  } catch {
    return false;
  }
}

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'payment-poller-test-'));
  folders.push(folder);
  return folder;
}

async function portThatWasFree(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
