import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ResultEvent } from '../../src/domain/result-event.ts';
import { readResults } from '../../src/results/replay.ts';
import { type Behaviour, startFakeGateway } from '../support/fake-gateway.ts';
import { testRedis } from '../support/redis.ts';
import { startRunningService } from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();

/** One query as the gateway received it: where its answer is to be posted. */
interface Query {
  readonly receipt: string;
  /** Last parts of the one-time addresses. */
  readonly result: string;
  readonly timeout: string;
}

const acknowledgement: Behaviour = {
  status: 200,
  body: {
    OriginatorConversationID: '1236-7134259-1',
    ConversationID: 'AG_20210709_1234409f86436c583e3f',
    ResponseCode: '0',
    ResponseDescription: 'Accept the service request successfully.',
  },
};

/** A service with one daraja account, and a Daraja that acknowledges and leaves the posting to the test. */
async function setup(
  environment: { readonly [name: string]: string } = {},
  answer: (nth: number) => Behaviour = () => acknowledgement,
) {
  const queries: Query[] = [];
  const gateway = await startFakeGateway(({ url, body }) => {
    if (url.startsWith('/oauth')) return { status: 200, body: { access_token: 'T', expires_in: '3599' } };
    const { TransactionID, ResultURL, QueueTimeOutURL } = JSON.parse(body) as { [name: string]: string };
    queries.push({
      receipt: `${TransactionID}`,
      result: lastOf(ResultURL),
      timeout: lastOf(QueueTimeOutURL),
    });
    return answer(queries.length);
  });
  const running = await startRunningService({
    accounts: 'jenga,daraja,till=daraja',
    environment: {
      DARAJA_BASE_URL: gateway.url,
      DARAJA_RESULT_TIMEOUT_MS: '60000',
      DARAJA_INITIAL_INTERVAL_MS: '100',
      DARAJA_MAX_INTERVAL_MS: '200',
      ...environment,
    },
  });
  onTestFinished(async () => {
    await running.close();
    await gateway.close();
  });
  const enqueue = (orderId: string, receipt: string) =>
    running.enqueue({ orderId, account: 'daraja', reference: receipt, amount: '300' });
  return {
    running,
    queries,
    enqueue,
    nthQuery: (nth: number) => until('the query', async () => queries[nth - 1]),
    post: (token: string, body: unknown, account = 'daraja') => running.callback(account, body, { token }),
    view: async (orderId: string, wait = 0) =>
      (await running.call('GET', `/v1/orders/${orderId}?wait=${wait}`)).json as {
        status: string | null;
        reason: string | null;
        polls: number;
        phase: string;
        history: { reading: string; source: string }[];
      },
    counted: (result: string, account = 'daraja') =>
      running.metric(`payment_poller_callbacks_total{account="${account}",result="${result}"}`),
    async results(): Promise<ResultEvent[]> {
      const events: ResultEvent[] = [];
      for await (const { event } of readResults({ redis, prefix: running.prefix })) events.push(event);
      return events;
    },
  };
}

function lastOf(url: string | undefined): string {
  return new URL(url ?? '').pathname.split('/').at(-1) ?? '';
}

function resultOf(receipt: string, status = 'Completed', more: object = {}) {
  const parameters = {
    TransactionStatus: status,
    Amount: 300,
    ReceiptNo: receipt,
    CreditPartyName: '600997 - Simulated Shop',
    ...more,
  };
  const ResultParameter = Object.entries(parameters).map(([Key, Value]) => ({ Key, Value }));
  return { Result: { ResultCode: 0, ResultDesc: 'x', ResultParameters: { ResultParameter }, ResultType: 0 } };
}

function failedQuery(ResultCode: number | string) {
  return { Result: { ResultCode, ResultDesc: 'x', ResultType: 0 } };
}

const accepted = { status: 200, text: '{"ResultCode":0,"ResultDesc":"Accepted"}' };

describe("daraja: the answer to our own query, and nobody else's", () => {
  test('the result under its token is the verdict; replays and other stories under it change nothing', async () => {
    const { enqueue, nthQuery, post, view, results, counted } = await setup();
    await enqueue('ord-1', 'MBN31H4621');
    const { result } = await nthQuery(1);
    expect(await view('ord-1')).toMatchObject({ status: null, phase: 'asking' });
    expect(await post(result, resultOf('MBN31H4621'))).toMatchObject(accepted);
    const told = await view('ord-1', 50);
    expect(told).toMatchObject({ status: 'paid', phase: 'closed' });
    expect(told.history.at(-1)).toMatchObject({ reading: 'paid', source: 'callback' });

    for (const body of [
      resultOf('MBN31H4621'),
      resultOf('MBN31H4621', 'Declined'),
      failedQuery(8006),
      'garbage',
    ]) {
      expect(await post(result, body)).toMatchObject(accepted);
    }
    expect(await counted('result')).toBe(1);
    expect(await counted('replay')).toBe(4);
    expect((await results()).map(({ id, type }) => `${id} ${type}`)).toEqual(['ord-1:1 payment.paid']);
  });

  test('a forged result without the right token changes nothing', async () => {
    const { running, enqueue, nthQuery, post, view, results, counted } = await setup();
    await enqueue('ord-1', 'MBN31H4621');
    const { result, timeout } = await nthQuery(1);
    const before = await view('ord-1');
    const token = result.slice(0, 64);
    const forged = resultOf('MBN31H4621');
    const guesses = [
      `${'0'.repeat(64)}.result`,
      `${token.slice(0, 63)}${token.at(-1) === '0' ? '1' : '0'}.result`,
    ];
    for (const guess of guesses) expect(await post(guess, forged)).toMatchObject(accepted);
    for (const malformed of [
      token,
      `${token}.paid`,
      `${token.toUpperCase()}.result`,
      'test-callback-token',
      `${token}.result.result`,
    ]) {
      expect((await post(malformed, forged)).status).toBe(404);
    }
    // The right token at another account's door.
    expect(await post(result, forged, 'jenga')).toMatchObject(accepted);
    expect(await post(result, forged, 'till')).toMatchObject(accepted);
    expect(await counted('wrong-token', 'till')).toBe(1);
    expect(await counted('wrong-token')).toBe(7);
    await delay(300);
    expect(await view('ord-1')).toEqual(before);
    expect(await results()).toEqual([]);
    // Neither did any of it use the token up.
    expect(timeout.slice(0, 64)).toBe(token);
    await post(result, forged);
    expect(await view('ord-1', 50)).toMatchObject({ status: 'paid' });
    expect(await running.metric('payment_poller_contradictions_total{account="daraja"}')).toBe(0);
  });

  test('twenty copies at once are one result', async () => {
    const { enqueue, nthQuery, post, view, results, counted } = await setup();
    await enqueue('ord-1', 'MBN31H4621');
    const { result } = await nthQuery(1);
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(result, resultOf('MBN31H4621'))));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(await view('ord-1', 50)).toMatchObject({ status: 'paid' });
    expect([await counted('result'), await counted('replay')]).toEqual([1, 19]);
    expect(await results()).toHaveLength(1);
  });

  test("one order's token decides nothing about another order", async () => {
    const { enqueue, queries, post, view, results } = await setup();
    await enqueue('ord-1', 'MBN31H4621');
    await enqueue('ord-2', 'MBN31H4622');
    await until('both queries', async () => queries.length === 2);
    const ofFirst = queries.find(({ receipt }) => receipt === 'MBN31H4621') as Query;
    await post(ofFirst.result, resultOf('MBN31H4622'));
    expect(await view('ord-1', 50)).toMatchObject({ status: 'unresolved', reason: 'reference-mismatch' });
    expect(await view('ord-2')).toMatchObject({ status: null });
    expect(await results()).toHaveLength(1);
  });

  test('garbage under the right token decides nothing and leaves it good', async () => {
    const { enqueue, nthQuery, post, view } = await setup();
    await enqueue('ord-1', 'MBN31H4621');
    const { result } = await nthQuery(1);
    for (const body of [
      '',
      'garbage',
      '[]',
      'null',
      '{"Result":5}',
      '{"__proto__":{"Result":{"ResultCode":0}}}',
      '['.repeat(50_000),
    ]) {
      expect(await post(result, body)).toMatchObject(accepted);
    }
    await until('the unrecognised reading', async () =>
      (await view('ord-1')).history.some(({ reading }) => reading === 'unrecognised'),
    );
    expect(await view('ord-1')).toMatchObject({ status: null });
    await post(result, resultOf('MBN31H4621'));
    expect(await view('ord-1', 50)).toMatchObject({ status: 'paid' });
  });
});

describe('daraja: queue time-out', () => {
  test('means "ask again", whatever its body says, and a result may still follow', async () => {
    const { enqueue, nthQuery, post, view, results, queries, counted } = await setup({
      DARAJA_DEADLINE_MS: '600000',
      DARAJA_INITIAL_INTERVAL_MS: '60000',
      DARAJA_MAX_INTERVAL_MS: '60000',
    });
    await enqueue('ord-1', 'MBN31H4621');
    const { result, timeout } = await nthQuery(1);
    expect(await post(timeout, resultOf('MBN31H4621', 'Cancelled'))).toMatchObject(accepted);
    expect(await post(timeout, failedQuery(1))).toMatchObject(accepted);
    await until('the unavailable reading', async () =>
      (await view('ord-1')).history.some(({ reading }) => reading === 'unavailable'),
    );
    expect(await view('ord-1')).toMatchObject({ status: null });
    expect(await counted('queue-timeout')).toBe(2);
    await post(result, resultOf('MBN31H4621'));
    expect(await view('ord-1', 50)).toMatchObject({ status: 'paid' });
    expect(await results()).toHaveLength(1);
    expect(queries).toHaveLength(1);
  });

  test('is followed by a query of its own', async () => {
    const { enqueue, nthQuery, post, view } = await setup();
    await enqueue('ord-1', 'MBN31H4621');
    const first = await nthQuery(1);
    await post(first.timeout, failedQuery(1));
    const second = await nthQuery(2);
    expect(second.result).not.toBe(first.result);
    await post(second.result, resultOf('MBN31H4621', 'Declined'));
    expect(await view('ord-1', 50)).toMatchObject({ status: 'failed', reason: 'rejected' });
  });
});

describe('daraja: one query at a time', () => {
  test('while one is under way no poll request brings another', async () => {
    const { running, enqueue, nthQuery, queries, post, view } = await setup({
      DARAJA_MIN_HINT_INTERVAL_MS: '1',
    });
    await enqueue('ord-1', 'MBN31H4621');
    const { result } = await nthQuery(1);
    for (let nth = 0; nth < 10; nth += 1) {
      expect((await running.call('POST', '/v1/orders/ord-1/poll')).status).toBe(202);
      await delay(30);
    }
    await delay(300);
    expect(queries).toHaveLength(1);
    await post(result, resultOf('MBN31H4621'));
    expect(await view('ord-1', 50)).toMatchObject({ status: 'paid' });
  });

  test('one without a result is lost and sent again; its late result is still evidence', async () => {
    const { enqueue, nthQuery, queries, post, view, results } = await setup({
      DARAJA_RESULT_TIMEOUT_MS: '1000',
    });
    await enqueue('ord-1', 'MBN31H4621');
    const first = await nthQuery(1);
    const second = await nthQuery(2);
    expect(second.result).not.toBe(first.result);
    await post(first.result, resultOf('MBN31H4621', 'Pending Authorized'));
    await until('the reading', async () =>
      (await view('ord-1')).history.some(
        ({ reading, source }) => reading === 'pending' && source === 'callback',
      ),
    );
    // The late answer says nothing final; the query that is under way is still awaited.
    expect(queries).toHaveLength(2);
    await post(second.result, resultOf('MBN31H4621'));
    expect(await view('ord-1', 50)).toMatchObject({ status: 'paid' });
    expect(await results()).toHaveLength(1);
  });

  test('a query that was not taken is asked again by the schedule', async () => {
    const { enqueue, nthQuery, post, view } = await setup({}, (nth) =>
      nth === 1 ? 'reset' : acknowledgement,
    );
    await enqueue('ord-1', 'MBN31H4621');
    const first = await nthQuery(1);
    const second = await nthQuery(2);
    // Its acknowledgement was lost on the way, but Daraja had taken it.
    await post(first.result, resultOf('MBN31H4621'));
    expect(await view('ord-1', 50)).toMatchObject({ status: 'paid' });
    expect(await post(second.result, resultOf('MBN31H4621'))).toMatchObject(accepted);
  });
});

describe('daraja: the initiator', () => {
  test.each([8006, '8006', 2001, 'SFC_IC0003'])(
    'code %j rests the account: no further query, orders stay open, the alarm is up',
    async (code) => {
      const { running, enqueue, nthQuery, post, queries, view, results } = await setup();
      await enqueue('ord-1', 'MBN31H4621');
      const { result } = await nthQuery(1);
      await post(result, failedQuery(code));
      await until(
        'the event of the circuit breaker',
        async () => (await redis.xlen(`{${running.prefix}}:accounts`)) > 0,
      );
      await enqueue('ord-2', 'MBN31H4622');
      await running.call('POST', '/v1/orders/ord-1/poll');
      await delay(500);
      expect(queries).toHaveLength(1);
      for (const orderId of ['ord-1', 'ord-2']) {
        expect(await view(orderId)).toMatchObject({ status: null, phase: 'asking' });
      }
      expect(await results()).toEqual([]);
      const events = await redis.xrange(`{${running.prefix}}:accounts`, '-', '+');
      expect(JSON.stringify(events)).toContain('account.degraded');
    },
  );
});
