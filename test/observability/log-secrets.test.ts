import { describe, expect, test } from 'vitest';
import { createLog } from '../../src/observability/log.ts';
import { createKeys } from '../../src/redis/keys.ts';
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
    for (const part of ['the error', 'the cause', 'EERROR', 'log-secrets.test.ts'])
      expect(line).toContain(part);
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

describe('an object that carries a secret by mistake', () => {
  const account = { id: 'jenga', phone, tags: ['a'] };

  test.each<[string, object]>([
    ['in the line', { phone }],
    ['in a field', { account }],
    ['in a field of a field', { order: { account } }],
    ['in a list', { accounts: [account] }],
    ['as a number', { customer: { phone: Number(phone) } }],
    ['in an object that says how it is written', { job: { toJSON: () => ({ id: 1, data: account }) } }],
  ])('%s is redacted, for loggers and their children', (_where, fields) => {
    const told = [
      written((log) => log.info(fields, 'told')),
      written((log) => log.child({ a: 1 }).child(fields).info('told')),
      written((log) => log.child(fields, { level: 'trace' }).trace({}, 'told')),
    ];
    for (const line of told) {
      expect(line).toContain('[redacted]');
      expect(line).toContain('told');
      expect(line).not.toContain(phone);
    }
  });

  test('is not changed itself, and the rest of it is logged', () => {
    const line = written((log) => log.info({ order: { account }, at: new Date(0) }, 'told'));
    expect(account.phone).toBe(phone);
    const rest = { order: { account: { id: 'jenga', phone: '[redacted]', tags: ['a'] } } };
    expect(JSON.parse(line)).toMatchObject({ ...rest, at: '1970-01-01T00:00:00.000Z' });
  });

  test('may hold itself, and what cannot be read or is no plain object', () => {
    const round: { self?: object; token: string } = { token: phone };
    round.self = round;
    const broken = {
      get field() {
        throw new Error(phone);
      },
    };
    const line = written((log) => log.info({ round, broken, url: new URL('http://gateway.test') }, 'told'));
    expect(line).toContain('http://gateway.test/');
    expect(line).not.toContain(phone);
  });
});
