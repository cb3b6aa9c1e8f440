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
    const { stdout } = await runCommand(
      ['results', '--from', '0', '--count', '3', '--timezone', 'Africa/Nairobi'],
      { env },
    );
    const [paid = '', unresolved = '', unverified = ''] = stdout.split('\n');
    expect(paid).toMatch(
      /^2026-\d\d-\d\d 12:00:08 {2}paid +KES 2\.00 +ord-1 +jenga +receipt SH90HU7FO2, 3 polls$/,
    );
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

describe.concurrent('results of some days', () => {
  const day = (date: string, hour: number) => Date.parse(`${date}T${String(hour).padStart(2, '0')}:00:00Z`);

  /** A result that was settled, and added to the stream, at this time. */
  function settledAt(atMs: number, nth: number, more: Partial<ResultEvent['data']> = {}, version = 1) {
    const time = new Date(atMs).toISOString();
    const event = anEvent(nth, { settledAt: time, ...more });
    const [id, stateversion] = [`ord-${nth}:${version}`, version] as const;
    const supersedes = version > 1 ? { supersedes: `ord-${nth}:${version - 1}` } : {};
    return { atMs, event: { ...event, ...supersedes, id, stateversion, time } };
  }

  async function days() {
    const { redis, results, env } = await setup();
    const doubt = { status: 'unresolved', reason: 'underpaid', amountReceived: '1.00' } as const;
    const all = [
      // In Nairobi: the last hour of the 26th, the first of the 27th, the last of the 27th, the first of the 28th.
      settledAt(day('2026-11-26', 20), 1),
      settledAt(day('2026-11-26', 21), 2, { ...doubt, amountVerified: false }),
      settledAt(day('2026-11-27', 20), 2, {}, 2),
      settledAt(day('2026-11-27', 20) + 1, 3, { providerMessage: '=HYPERLINK("http://evil","x")\n@sum' }),
      settledAt(day('2026-11-27', 21), 4),
    ];
    for (const { atMs, event } of all) await redis.xadd(results, `${atMs}-0`, ...eventFields(event));
    return { redis, results, env };
  }

  const range = ['--from', '2026-11-27', '--to', '2026-11-28', '--timezone', 'Africa/Nairobi'];

  test('--csv prints the results of a day in a time zone, and nothing that a spreadsheet would run', async () => {
    const { env } = await days();
    const { code, stdout, stderr } = await runCommand(['results', '--csv', ...range], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [head, ...lines] = stdout.split('\r\n');
    expect(head).toBe(
      'settled,time_zone,order,status,reason,currency,amount_expected,amount_received,amount_verified,receipt,account,provider,reference,provider_status,provider_message,created,version,corrects,id',
    );
    expect(lines).toEqual([
      '2026-11-27 00:00:00,UTC+03:00,ord-2,unresolved,underpaid,KES,2.00,1.00,no,SH90HU7FO2,jenga,jenga,OR2,Paid,,2026-01-15 12:00:08,1,,ord-2:1',
      '2026-11-27 23:00:00,UTC+03:00,ord-2,paid,,KES,2.00,2.00,yes,SH90HU7FO2,jenga,jenga,OR2,Paid,,2026-01-15 12:00:08,2,ord-2:1,ord-2:2',
      `2026-11-27 23:00:00,UTC+03:00,ord-3,paid,,KES,2.00,2.00,yes,SH90HU7FO2,jenga,jenga,OR3,Paid,"'=HYPERLINK(""http://evil"",""x"") @sum",2026-01-15 12:00:08,1,,ord-3:1`,
      '',
    ]);
  });

  test('--latest keeps the newest version of each order; a day without results has only the head', async () => {
    const { env } = await days();
    const [latest, empty] = await Promise.all([
      runCommand(['results', '--json', '--latest', ...range], { env }),
      runCommand(['results', '--csv', '--from', '2026-11-28', '--to', '2026-11-29', '--timezone', 'UTC'], {
        env,
      }),
    ]);
    const ids = latest.stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text).id);
    expect({ code: latest.code, ids }).toEqual({ code: 0, ids: ['ord-2:2', 'ord-3:1'] });
    expect({ code: empty.code, lines: empty.stdout.split('\r\n').length }).toEqual({ code: 0, lines: 2 });
  });

  test('results that were removed with age are an incomplete answer: exit code 1', async () => {
    const { env, redis, results } = await days();
    const added = (await redis.xinfo('STREAM', results)) as unknown[];
    await redis.xtrim(results, 'MAXLEN', 2);
    const { code, stdout, stderr } = await runCommand(['results', '--csv', ...range], { env });
    expect(stdout.split('\r\n')).toHaveLength(3);
    // Redis before 7 does not count what was added to a stream.
    if (!added.includes('entries-added')) return;
    expect(stderr).toMatch(/were removed.*may be incomplete/);
    expect(code).toBe(1);
  });

  test('without Redis, nothing is printed, and the exit code is 1', async () => {
    const env = { REDIS_URL: 'redis://127.0.0.1:1' };
    const { code, stdout, stderr } = await runCommand(['results', '--csv', ...range], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/does not answer; check REDIS_URL/);
  });
});
