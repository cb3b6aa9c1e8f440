import { describe, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { createKeys } from '../../src/orders/keys.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const phone = '254744556677';

/** What a log writes, as it stands there. */
function written(tell: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = [];
  tell(createLog('trace', { write: (line) => void lines.push(line) }));
  return lines.join('');
}

describe('an error in the log', () => {
  test('of a Redis command tells what went wrong, and not what was to be written', async () => {
    const redis = testRedis();
    const key = createKeys(testPrefix()).open;
    await redis.set(key, 'a string');
    const error = await redis.hset(key, 'metadata', phone).catch((reason: unknown) => reason);
    const line = written((log) => log.child({ account: 'a' }).error({ err: error }, 'failed'));
    expect(line).toContain('WRONGTYPE');
    expect(line).not.toContain(phone);
    expect(written((log) => log.error(error))).not.toContain(phone);
  });

  test('has its cause, its code and its stack', () => {
    const cause = Object.assign(new Error('the cause'), { code: 'ECAUSE', args: [phone] });
    const error = Object.assign(new Error('the error', { cause }), { code: 'EERROR' });
    const line = written((log) => log.error({ err: error }, 'failed'));
    for (const part of ['the error', 'the cause', 'EERROR', 'log.test.ts']) expect(line).toContain(part);
    expect(line).not.toContain(phone);
  });

  test('has no token of a callback address', () => {
    const error = new Error('Did you forget to "return reply" in "/callbacks/jenga/token-of-jenga" (POST)?');
    const line = written((log) => log.warn({ err: error }, 'late'));
    expect(line).toContain('/callbacks/');
    expect(line).not.toContain('token-of-jenga');
  });

  test('may be anything that was thrown', () => {
    for (const thrown of [null, undefined, 'text', 5, { message: 'x' }, Object.create(null)]) {
      expect(written((log) => log.error({ err: thrown }, 'failed'))).toContain('failed');
    }
  });
});

test('a request in the log has no path and no headers', () => {
  const req = {
    method: 'POST',
    url: '/callbacks/jenga/token-of-jenga',
    headers: { authorization: 'Bearer k' },
  };
  expect(written((log) => log.info({ req }, 'came'))).not.toMatch(/token-of-jenga|Bearer/);
});
