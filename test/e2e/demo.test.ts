import { expect, onTestFinished, test } from 'vitest';
import { demoAccounts } from '../../src/demo/environment.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { runCommand } from '../support/command-line.ts';
import { testRedisUrl } from '../support/redis.ts';

const asExpected = /\n(\d+) of \1 orders have the expected verdict\.\n$/;

test('on a Redis that others use it keeps to keys of its own', async () => {
  // A database of its own, for the demo names its keys the same in every run.
  const url = `${testRedisUrl().replace(/\/\d*$/, '')}/7`;
  const redis = connectRedis(url, 'patient');
  onTestFinished(() => redis.disconnect());
  onTestFinished(async () => void (await redis.unlink(await redis.keys('{payments-demo*'))));
  const { code, stdout, stderr } = await runCommand(['demo', '--once'], { env: { REDIS_URL: url } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [, orders] = asExpected.exec(stdout) ?? [];
  expect(Number(orders)).toBeGreaterThanOrEqual(6 * 8);
  for (const provider of demoAccounts) {
    expect(stdout).toMatch(new RegExp(`^${provider} +pays after a moment +paid, `, 'm'));
  }
  // Plain lines when nobody looks at a terminal.
  expect(stdout).not.toContain('\x1b');
  expect(await redis.xlen('{payments-demo}:results')).toBeGreaterThanOrEqual(Number(orders));
  const foreign = (await redis.keys('*')).filter((key) => !key.startsWith('{payments-demo'));
  expect(foreign).toEqual([]);
});

test('where there is no Redis at all, it brings one along and says so', async () => {
  const { code, stdout, stderr } = await runCommand(['demo', '--once'], { env: { PATH: '' } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^Using a Redis inside this process: nothing survives its end\./);
  expect(stdout).toMatch(/Redis: js-redis-server inside this process on 127\.0\.0\.1:\d+, in memory only/);
  expect(stdout).toMatch(asExpected);
});
