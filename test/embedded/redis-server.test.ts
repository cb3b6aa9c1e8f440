import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findExecutable } from '../../src/embedded/executables.ts';
import type { FoundRedis } from '../../src/embedded/found-redis.ts';
import { findRedis } from '../../src/embedded/redis.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { freePort } from '../support/ports.ts';
import { eventually } from '../support/waiting.ts';

const path = process.env.PATH ?? '';
const onlyServer = { docker: false };
const serverExecutable = await findExecutable(['redis-server', 'valkey-server'], path);

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
    const dir = await mkdtemp(join(tmpdir(), 'payment-poller-test-'));
    onTestFinished(() => rm(dir, { recursive: true }));
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
    const settings = [
      'maxmemory-policy',
      'hash-max-listpack-value',
      'appendonly',
      'appendfsync',
      'bind',
      'protected-mode',
    ];
    expect(await withClient(redis.url, (client) => client.config('GET', ...settings))).toEqual(
      expect.arrayContaining(['noeviction', '1024', 'yes', 'always', '127.0.0.1']),
    );
  });

  test('takes another port when the first is taken, even by another Redis', async () => {
    const other = await startRedisServer(executable);
    onTestFinished(() => other.close());
    const stranger = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    onTestFinished(() => void stranger.close());
    const free = await freePort();
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
    await eventually(() => expect(lines).toEqual(['The Redis that we started ended by itself: SIGKILL.']));
  });

  test('ends, with its files, when this process is killed', async () => {
    const parent = spawn(process.execPath, ['--input-type=module', '-e', crashingParent], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
    const redis = JSON.parse(line) as FoundRedis;
    parent.kill('SIGKILL');
    await once(parent, 'close');
    await eventually(() => expect(existsSync(dirOf(redis))).toBe(false));
    const socket = connect(Number(new URL(redis.url).port), '127.0.0.1');
    await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
  });
});

const crashingParent = `
  import { findRedis } from ${JSON.stringify(new URL('../../src/embedded/redis.ts', import.meta.url).href)};
  console.log(JSON.stringify(await findRedis({ path: ${JSON.stringify(path)}, allow: { docker: false } })));
`;

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
