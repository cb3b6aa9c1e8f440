import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ResultEvent } from '../../src/domain/result-event.ts';
import { readResults } from '../../src/results/replay.ts';
import { testRedis } from '../support/redis.ts';
import {
  type Answer,
  type CallOptions,
  type RunningService,
  sha256,
  startRunningService,
} from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();

/** Every key of a service with a hash of its content, but for those with which BullMQ opens a queue at first sight. */
async function everything(prefix: string): Promise<{ [key: string]: string }> {
  const keys: string[] = [];
  for await (const found of redis.scanStream({ match: `*{${prefix}*`, count: 1_000 }))
    keys.push(...(found as string[]).filter((key) => !key.endsWith(':meta')));
  const dumps = keys.sort().map(async (key) => [key, sha256(String(await redis.dumpBuffer(key)))] as const);
  return Object.fromEntries(await Promise.all(dumps));
}

function withoutDate({ status, headers, text }: Answer) {
  return JSON.stringify({ status, headers: { ...headers, date: '' }, text });
}

function ipn(reference: string) {
  return { callbackType: 'IPN', customer: { reference }, transaction: { status: 'SUCCESS', amount: 2 } };
}

const long = {
  firstPollAfterMs: 600_000,
  initialIntervalMs: 600_000,
  maxIntervalMs: 600_000,
  deadlineMs: 3_600_000,
};

describe('admission', () => {
  let door: RunningService;
  beforeAll(async () => {
    door = await startRunningService({
      accounts: 'jenga,vexora,strict=vexora,bank=jenga,office=jenga,six=jenga,shut=jenga,daraja',
      roles: ['api'],
      environment: {
        BANK_CALLBACK_USERNAME: 'finserve',
        BANK_CALLBACK_PASSWORD: 'a:b',
        OFFICE_CALLBACK_ADDRESSES: '10.0.0.0/8,192.0.2.7',
        SIX_CALLBACK_ADDRESSES: '2001:db8::/32,127.0.0.1',
        SHUT_CALLBACK_TOKEN: '',
        STRICT_CALLBACK_SIGN: 'required',
      },
    });
    const order = { reference: 'OR1', amount: '2.00', schedule: long };
    await door.enqueue({ ...order, orderId: 'ord-1', account: 'jenga' });
    await door.enqueue({ ...order, orderId: 'ord-2', account: 'bank' });
    await door.enqueue({ ...order, orderId: 'ord-3', account: 'strict', reference: { tradeNo: 'T1' } });
    await door.enqueue({ ...order, orderId: 'ord-4', account: 'daraja', reference: 'MBN31H462N' });
  });
  afterAll(() => door.close());

  const counted = (account: string, result: string) =>
    door.metric(`payment_poller_callbacks_total{account="${account}",result="${result}"}`);

  const token = 'f'.repeat(64);
  const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
  const refusals: readonly (readonly [
    name: string,
    account: string,
    result: string,
    options?: CallOptions & { token?: string },
  ])[] = [
    ['a wrong token', 'jenga', 'wrong-token', { token: 'wrong-callback-token' }],
    ['a token that begins right', 'jenga', 'wrong-token', { token: 'test-callback-token-and-more' }],
    ['a token in another case', 'jenga', 'wrong-token', { token: 'TEST-CALLBACK-TOKEN' }],
    ['an account that takes no callbacks', 'shut', 'not-enabled'],
    ['no credentials', 'bank', 'wrong-credentials'],
    ['a wrong password', 'bank', 'wrong-credentials', { headers: basic('finserve:a') }],
    ['a wrong user', 'bank', 'wrong-credentials', { headers: basic('Finserve:a:b') }],
    [
      'credentials of another kind',
      'bank',
      'wrong-credentials',
      { headers: { authorization: 'Bearer a:b' } },
    ],
    ['a foreign address', 'office', 'wrong-address'],
    [
      'a foreign address that names a right one',
      'office',
      'wrong-address',
      { headers: { 'x-forwarded-for': '10.1.2.3' } },
    ],
    ['a token of the wrong form at daraja', 'daraja', 'wrong-token', { token: 'test-callback-token' }],
    ['a token that is cut short at daraja', 'daraja', 'wrong-token', { token: `${token.slice(1)}.result` }],
    ['a kind that does not exist at daraja', 'daraja', 'wrong-token', { token: `${token}.paid` }],
  ];

  test('every refusal is the same to the byte, is counted, and changes nothing', async () => {
    const before = await everything(door.prefix);
    const answers: Answer[] = [await door.callback('nobody', ipn('OR1'))];
    expect(await counted('unknown', 'unknown-account')).toBe(1);
    for (const [name, account, result, options] of refusals) {
      const had = await counted(account, result);
      answers.push(await door.callback(account, ipn('OR1'), options));
      expect(await counted(account, result), name).toBe(had + 1);
    }
    expect(new Set(answers.map(withoutDate)).size).toBe(1);
    expect(answers[0]).toMatchObject({
      status: 404,
      json: { type: 'about:blank', title: 'Not found', status: 404 },
    });
    expect(await everything(door.prefix)).toEqual(before);
  });

  test('behind a right token, what is not understood is accepted like a hint, counted, and changes nothing', async () => {
    const before = await everything(door.prefix);
    const signed = { tradeNo: 'T1', status: '0000', sign: '0'.repeat(32) };
    const taken = [
      ['jenga', 'garbage', '', undefined],
      ['jenga', 'garbage', '<xml/>', undefined],
      ['jenga', 'garbage', 'null', undefined],
      ['jenga', 'garbage', '['.repeat(60_000), undefined],
      ['jenga', 'unknown-order', {}, undefined],
      ['jenga', 'unknown-order', ipn('OR2'), undefined],
      ['jenga', 'unknown-order', ipn('ord-1'), undefined],
      ['jenga', 'unknown-order', '{"__proto__":{"customer":{"reference":"OR1"}}}', undefined],
      ['bank', 'unknown-order', ipn('OR9'), basic('finserve:a:b')],
      ['vexora', 'wrong-signature', signed, undefined],
      ['strict', 'wrong-signature', { tradeNo: 'T1', status: '0000' }, undefined],
      ['strict', 'wrong-signature', signed, undefined],
    ] as const;
    const said = new Map<string, Set<string>>();
    for (const [account, result, body, headers] of taken) {
      const had = await counted(account, result);
      const answer = await door.callback(account, body, headers === undefined ? {} : { headers });
      expect(await counted(account, result), JSON.stringify(body).slice(0, 80)).toBe(had + 1);
      said.set(account, (said.get(account) ?? new Set()).add(withoutDate(answer)));
    }
    expect(await everything(door.prefix)).toEqual(before);
    // A hint that counts gets the same answer, so nobody can learn which orders there are.
    const hint = await door.callback('jenga', ipn('OR1'));
    expect(hint).toMatchObject({ status: 200, text: '' });
    expect(await counted('jenga', 'hint')).toBe(1);
    expect([...(said.get('jenga') ?? [])]).toEqual([withoutDate(hint)]);
    expect([...(said.get('vexora') ?? [])]).toHaveLength(1);
    expect(await door.callback('vexora', {})).toMatchObject({ status: 200, text: 'OK' });
    expect((await door.callback('vexora', {})).headers['content-type']).toMatch(/^text\/plain/);
  });

  test('forged results of Daraja change nothing, and no token tells whether it exists', async () => {
    const before = await everything(door.prefix);
    const body = { Result: { ResultCode: 0, ResultParameters: { ResultParameter: [] } } };
    const answers = [
      await door.callback('daraja', body, { token: `${token}.result` }),
      await door.callback('daraja', body, { token: `${token}.timeout` }),
      await door.callback('daraja', '', { token: `${token}.result` }),
      // Accounts that have no such tokens, or are not there at all, give the same answer.
      await door.callback('jenga', body, { token: `${token}.result` }),
      await door.callback('nobody', body, { token: `${token}.result` }),
    ];
    expect(new Set(answers.map(withoutDate)).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 200, text: '{"ResultCode":0,"ResultDesc":"Accepted"}' });
    expect(answers[0]?.headers['content-type']).toMatch(/^application\/json/);
    expect(await everything(door.prefix)).toEqual(before);
  });

  test('Basic credentials let in', async () => {
    expect((await door.callback('bank', ipn('OR1'), { headers: basic('finserve:a:b') })).status).toBe(200);
    expect(await counted('bank', 'hint')).toBe(1);
  });

  test('a listed address lets in, also as IPv4 among IPv6', async () => {
    expect((await door.callback('six', ipn('OR1'))).status).toBe(200);
  });

  test('64 KiB are taken, a byte more is 413 with and without the right token', async () => {
    const body = JSON.stringify(ipn('OR1'));
    const full = body + ' '.repeat(64 * 1_024 - body.length);
    const had = await counted('jenga', 'hint');
    expect((await door.callback('jenga', full)).status).toBe(200);
    expect(await counted('jenga', 'hint')).toBe(had + 1);
    const tooLong = [
      await door.callback('jenga', `${full} `),
      await door.callback('jenga', `${full} `, { token: 'wrong-callback-token' }),
      await door.callback('nobody', `${full} `),
    ];
    expect(tooLong[0]).toMatchObject({ status: 413, json: { type: 'about:blank', status: 413 } });
    expect(new Set(tooLong.map(withoutDate)).size).toBe(1);
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ])(
    'a push compressed with %s is a hint, and one that is not what it says is none',
    async (coding, compress) => {
      const headers = { 'content-encoding': coding };
      const had = await counted('jenga', 'hint');
      const body = compress(JSON.stringify(ipn('OR1')));
      expect(await door.callback('jenga', body, { headers })).toMatchObject({ status: 200, text: '' });
      expect(await counted('jenga', 'hint')).toBe(had + 1);
      const garbage = await counted('jenga', 'garbage');
      const bomb = compress(JSON.stringify(ipn('OR1')) + ' '.repeat(256 * 1_024));
      for (const other of [ipn('OR1'), body.subarray(1), bomb]) {
        expect(await door.callback('jenga', other, { headers })).toMatchObject({ status: 200, text: '' });
      }
      expect(await counted('jenga', 'garbage')).toBe(garbage + 3);
      expect(await counted('jenga', 'hint')).toBe(had + 1);
    },
  );

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'text/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'nonsense',
    '',
  ])('the content type %j is as good as any', async (type) => {
    const had = await counted('jenga', 'hint');
    const answer = await door.callback('jenga', ipn('OR1'), { headers: { 'content-type': type } });
    expect(answer.status).toBe(200);
    expect(await counted('jenga', 'hint')).toBe(had + 1);
  });

  test('nothing that was posted, and no token, shows in the metrics', async () => {
    const { text } = await door.call('GET', '/metrics', { key: null });
    expect(text).not.toMatch(/OR1|OR2|test-callback-token|wrong-callback-token|ffffffff|nobody/);
  });
});

describe('behind a proxy', () => {
  test.each([
    ['10.1.2.3', 200],
    ['8.8.8.8, 10.1.2.3', 200],
    ['192.0.2.7', 200],
    ['::ffff:10.1.2.3', 200],
    ['10.1.2.3, 8.8.8.8', 404],
    ['8.8.8.8', 404],
    ['unknown', 404],
    ['10.1.2.3:4711', 404],
    ['', 404],
  ])('X-Forwarded-For: %s is %i', async (forwarded, status) => {
    const proxied = await behindProxy();
    const answer = await proxied.callback('jenga', ipn('OR1'), { headers: { 'x-forwarded-for': forwarded } });
    expect(answer.status).toBe(status);
  });

  let shared: Promise<RunningService> | null = null;
  function behindProxy(): Promise<RunningService> {
    shared ??= startRunningService({
      accounts: 'jenga',
      roles: ['api'],
      environment: { TRUSTED_PROXIES: '127.0.0.1', JENGA_CALLBACK_ADDRESSES: '10.0.0.0/8,192.0.2.7' },
    });
    return shared;
  }
  afterAll(async () => (await shared)?.close());
});

describe('with workers', () => {
  const accounts = 'jenga,daraja-stk,vexora,lipia,tanda';
  let running: RunningService;
  beforeAll(async () => {
    running = await startRunningService({ accounts, environment: { JENGA_TIMEOUT_MS: '1000' } });
  });
  afterAll(() => running.close());

  async function resultsOf(orderId: string): Promise<ResultEvent[]> {
    const events: ResultEvent[] = [];
    for await (const { event } of readResults({ redis, prefix: running.prefix })) {
      if (event.subject === orderId) events.push(event);
    }
    return events;
  }

  const references = {
    jenga: { key: 'OR77', reference: 'OR77' },
    'daraja-stk': { key: 'ws_CO_77', reference: 'ws_CO_77' },
    vexora: { key: 'T77', reference: { tradeNo: 'T77' } },
    lipia: {
      key: '65f2c1a4e7b3d80012345678',
      reference: {
        transactionReference: '65f2c1a4e7b3d80012345678',
        externalReference: '65f2c1a4e7b3d80012345678',
      },
    },
    tanda: { key: '5e6b0e0a-3f4c-4b7e-9c53-0d3a5a1b2c3d', reference: '5e6b0e0a-3f4c-4b7e-9c53-0d3a5a1b2c3d' },
  } as const;

  test.each(Object.keys(references) as (keyof typeof references)[])(
    '%s: a genuine callback makes the next poll immediate',
    async (account) => {
      const { key, reference } = references[account];
      // Before its callbacks, which come soon after the script is set.
      await running.enqueue({
        orderId: `hint-${account}`,
        account,
        reference,
        amount: '100.00',
        schedule: long,
      });
      running.simulator.script({
        provider: account,
        reference: `${key}`,
        amount: '100.00',
        timeline: [{ afterMs: 100, state: 'paid' }],
        callbacks: [
          {
            afterMs: 150,
            form: 'genuine',
            copies: 3,
            url: `${running.url}/callbacks/${account}/test-callback-token`,
          },
        ],
      });
      const { json } = await running.call('GET', `/v1/orders/hint-${account}?wait=50`);
      expect(json).toMatchObject({ status: 'paid' });
      const events = await resultsOf(`hint-${account}`);
      expect(events).toHaveLength(1);
      expect(events[0]?.data.evidence.every(({ source }) => source === 'poll')).toBe(true);
    },
  );

  test('callback is a hint, a poll is the proof: a forged "paid" yields only polled truth', async () => {
    running.simulator.script({
      provider: 'jenga',
      reference: 'OR88',
      amount: '2.00',
      timeline: [
        { afterMs: 0, state: 'pending' },
        { afterMs: 1_200, state: 'failed:cancelled' },
      ],
      callbacks: [0, 300, 600].map((afterMs) => ({
        afterMs,
        form: 'forged' as const,
        copies: 10,
        url: `${running.url}/callbacks/jenga/test-callback-token`,
      })),
    });
    await running.enqueue({ orderId: 'forged', account: 'jenga', reference: 'OR88', amount: '2.00' });
    const { json } = await running.call('GET', '/v1/orders/forged?wait=50');
    expect(json).toMatchObject({ status: 'failed', reason: 'cancelled' });
    const events = await resultsOf('forged');
    expect(events.map(({ type }) => type)).toEqual(['payment.failed']);
    const history = (json as { history: { reading: string; source: string }[] }).history;
    expect(history.map(({ reading }) => reading)).not.toContain('paid');
    expect(new Set(history.map(({ source }) => source))).toEqual(new Set(['poll']));
  });

  test('a hint that repeats does not poll more often than it may', async () => {
    running.simulator.script({
      provider: 'jenga',
      reference: 'OR99',
      amount: '2.00',
      timeline: [{ afterMs: 0, state: 'pending' }],
    });
    await running.enqueue({
      orderId: 'often',
      account: 'jenga',
      reference: 'OR99',
      amount: '2.00',
      schedule: long,
    });
    const minHintMs = 2_000;
    const startedAt = Date.now();
    let sent = 0;
    while (Date.now() < startedAt + 2_500) {
      await running.callback('jenga', ipn('OR99'));
      sent += 1;
      await delay(20);
    }
    const polls = running.simulator.ledger().find(({ reference }) => reference === 'OR99')?.polls ?? 0;
    expect(sent).toBeGreaterThan(20);
    expect(polls).toBeGreaterThan(0);
    expect(polls).toBeLessThanOrEqual(1 + Math.floor((Date.now() - startedAt) / minHintMs));
  });

  test('a hint that comes while the order is being polled leads to another poll right after', async () => {
    running.simulator.script({
      provider: 'jenga',
      reference: 'OR100',
      amount: '2.00',
      timeline: [{ afterMs: 300, state: 'paid' }],
      // The first answer takes so long that the hint finds the job in a worker's hands.
      faults: [{ fromMs: 0, untilMs: 200, kind: 'slow' }],
    });
    await running.enqueue({
      orderId: 'held',
      account: 'jenga',
      reference: 'OR100',
      amount: '2.00',
      schedule: { ...long, firstPollAfterMs: 1 },
    });
    const polled = () =>
      running.simulator.ledger().find(({ reference }) => reference === 'OR100')?.polls ?? 0;
    await until('the poll', async () => polled() === 1);
    await delay(350);
    await running.callback('jenga', ipn('OR100'));
    const { json } = await running.call('GET', '/v1/orders/held?wait=50');
    expect(json).toMatchObject({ status: 'paid' });
  });

  test('an order that is closed stays closed', async () => {
    const before = await resultsOf('hint-jenga');
    await running.callback('jenga', ipn('OR77'));
    await delay(200);
    expect(await resultsOf('hint-jenga')).toEqual(before);
    expect((await running.call('GET', '/v1/orders/hint-jenga')).json).toMatchObject({
      phase: 'closed',
      polls: expect.any(Number),
    });
  });
});
