import { describe, expect, test } from 'vitest';
import { eventFields, type ResultEvent, resultEventSchema } from '../../src/domain/result-event.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { runCommand, startCommand } from '../support/command-line.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';

const at = '2026-01-15T09:00:08.000Z';

function anEvent(nth: number, more: Partial<ResultEvent['data']> = {}): ResultEvent {
  const orderId = `ord-${nth}`;
  return {
    specversion: '1.0',
    id: `${orderId}:1`,
    source: 'payment-poller/jenga',
    type: `payment.${more.status ?? 'paid'}`,
    subject: orderId,
    time: at,
    datacontenttype: 'application/json',
    stateversion: 1,
    data: {
      ...{
        orderId,
        account: 'jenga',
        provider: 'jenga',
        reference: `OR${nth}`,
        status: 'paid',
        reason: null,
      },
      ...{ amountExpected: '2.00', amountReceived: '2.00', currency: 'KES', amountVerified: true },
      ...{ receipt: 'SH90HU7FO2', providerStatus: 'Paid', providerMessage: null, polls: 3, answeredPolls: 3 },
      ...{ lastAnsweredAt: at, createdAt: at, settledAt: at, evidence: [], metadata: {} },
      ...more,
    },
  };
}

async function setup(events: readonly ResultEvent[] = []) {
  const prefix = testPrefix();
  const redis = testRedis();
  const { results } = createKeys(prefix);
  const publish = (event: ResultEvent) => redis.xadd(results, '*', ...eventFields(event));
  for (const event of events) await publish(event);
  return { redis, results, publish, env: { REDIS_URL: testRedisUrl(), PREFIX: prefix } };
}

describe.concurrent('results', () => {
  test('--json --from 0 --count 2: one object a line, then the end', async () => {
    const { env, redis, results } = await setup([anEvent(1), anEvent(2), anEvent(3)]);
    const { code, stdout, stderr } = await runCommand(['results', '--json', '--from', '0', '--count', '2'], {
      env,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const objects = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(objects.map(({ subject }) => subject)).toEqual(['ord-1', 'ord-2']);
    expect(objects[0].stateversion).toBe('1');
    expect(resultEventSchema.parse(objects[0])).toEqual(anEvent(1));
    const [first] = await redis.xrange(results, '-', '+', 'COUNT', 1);
    expect(objects[0].streamid).toBe(first?.[0]);
    // The stream id that it prints is a position to go on from.
    const rest = await runCommand(['results', '--json', '--from', objects[0].streamid, '--count', '1'], {
      env,
    });
    expect(JSON.parse(rest.stdout).subject).toBe('ord-2');
  });

  test('for people: one aligned line a verdict, without colours in a pipe', async () => {
    const { env } = await setup([
      anEvent(1),
      anEvent(2, {
        status: 'unresolved',
        reason: 'underpaid',
        amountReceived: '1.00',
        amountVerified: false,
      }),
      anEvent(3, { amountReceived: null, amountVerified: false, receipt: null }),
    ]);
    const { stdout } = await runCommand(['results', '--from', '0', '--count', '3'], { env });
    const [paid = '', unresolved = '', unverified = ''] = stdout.split('\n');
    expect(paid).toMatch(/^09:00:08 {2}paid +KES 2\.00 +ord-1 +jenga +receipt SH90HU7FO2, 3 polls$/);
    expect(unverified).toMatch(/paid +KES 2\.00 +ord-3 +jenga +amount not verified, 3 polls$/);
    expect(unresolved).toMatch(/unresolved +KES 1\.00 of 2\.00 +ord-2 +jenga +underpaid/);
    expect(stdout).not.toContain('\x1b');
  });

  test('follows what comes from now on, past entries of others, until SIGTERM', async () => {
    const { env, redis, results, publish } = await setup([anEvent(1)]);
    const command = startCommand(['results', '--json'], { env });
    // It reads from the end of the stream as it finds it: publish until it is listening.
    let nth = 1;
    while (command.stdout() === '') {
      nth += 1;
      await publish(anEvent(nth));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(command.stdout()).not.toContain('"ord-1"');
    await redis.xadd(results, '*', 'foreign', 'entry');
    await publish(anEvent(9_999));
    await command.printed(/"ord-9999"/);
    command.kill('SIGTERM');
    const { code, stderr } = await command.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^entry \d+-\d+ is not a result of payment-poller; skipped\n$/);
  });

  test('a reader that goes away (`| head -1`) ends it quietly', async () => {
    const { env, publish } = await setup([anEvent(1)]);
    const command = startCommand(['results', '--from', '0'], { env });
    await command.printed(/ord-1/);
    command.hangUp();
    const heard = { ended: false };
    void command.ended.then(() => {
      heard.ended = true;
    });
    while (!heard.ended) {
      await publish(anEvent(2));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await command.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
