import { describe, expect, test } from 'vitest';
import type { Reading } from '../../src/domain/order.ts';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer, rejectsToken } from '../../src/providers/read-answer.ts';
import { bytes, changed } from '../support/provider-contract.ts';
import { type FixtureOrder, type ProviderFixtures, sampleNow } from '../support/provider-fixtures.ts';
import { fixturesOf } from './fixtures/index.ts';

// The traps that every adapter must survive: providers.md section 8, by number.

function known(id: string): { provider: Provider; fixtures: ProviderFixtures } {
  const provider = providers.get(id);
  const fixtures = fixturesOf.get(id);
  if (provider === undefined || fixtures === undefined) throw new Error(`Unknown provider ${id}.`);
  return { provider, fixtures };
}

function read(
  id: string,
  body: unknown,
  {
    httpStatus = 200,
    headers = {},
    order,
  }: { httpStatus?: number; headers?: object; order?: FixtureOrder } = {},
): Reading {
  const { provider, fixtures } = known(id);
  const answer = { httpStatus, headers: headers as { [name: string]: string }, body: bytes(body) };
  const settings = provider.settings.parse(fixtures.settings);
  return readAnswer(provider, answer, order ?? fixtures.order, { at: sampleNow, source: 'poll', settings });
}

/** The paid sample of a provider with other values at dotted paths. */
function paidWith(id: string, fields: { [path: string]: unknown }): object {
  return Object.entries(fields).reduce(
    (body, [path, value]) => changed(body, path, value),
    known(id).fixtures.paid,
  );
}

const ids = [...fixturesOf.keys()];
const givesAmount = ids.filter((id) => known(id).provider.guarantees.amount);
const inMinorUnits = givesAmount.filter((id) => known(id).provider.amountUnit === 'minor');
const inMajorUnits = givesAmount.filter((id) => !inMinorUnits.includes(id));

describe('trap 1: the outer layer is not the payment', () => {
  test.each([
    ['jenga', { 'data.order.orderStatus': 'Pending', 'data.invoices.0.invoiceStatus': 'Pending' }, 'pending'],
    ['daraja-stk', { ResultCode: '1032' }, 'failed'],
    ['daraja-stk', { ResultCode: null }, 'unrecognised'],
    ['vexora', { 'data.status': '0015' }, 'pending'],
    ['vexora', { 'data.status': '00029' }, 'failed'],
    ['vexora', { 'data.status': null }, 'unrecognised'],
    ['lipia', { 'data.response.Status': 'PENDING', 'data.status': false }, 'pending'],
    ['lipia', { 'data.response.Status': null }, 'unrecognised'],
    ['tanda', { status: 'P202000', message: 'Successful. Request is being processed.' }, 'pending'],
  ] as const)('%s: everything around says success, %j does not', (id, fields, kind) => {
    expect(read(id, paidWith(id, fields)).kind).toBe(kind);
  });
});

describe('trap 2: codes are strings, and a missing field is not zero', () => {
  test.each(ids)('%s: near misses of the success word', (id) => {
    const { fixtures, provider } = known(id);
    const success = [...provider.payment].find(([, meaning]) => meaning.reading === 'paid')?.[0] ?? '';
    const misses = [
      `${success} `,
      ` ${success}`,
      `0${success}`,
      `${success}0`,
      `${success}.0`,
      `${success}\u200b`,
      '',
    ];
    for (const word of [...misses, null, undefined, false]) {
      expect(read(id, changed(fixtures.paid, fixtures.at.word, word)).kind, JSON.stringify(word)).not.toBe(
        'paid',
      );
    }
  });

  test.each(['vexora', 'lipia', 'tanda', 'jenga'])('%s: the number 0 is no word', (id) => {
    expect(read(id, changed(known(id).fixtures.paid, known(id).fixtures.at.word, 0)).kind).toBe(
      'unrecognised',
    );
  });

  test('only where both were seen are "0" and 0 the same', () => {
    expect(read('daraja-stk', paidWith('daraja-stk', { ResultCode: 0 })).kind).toBe('paid');
    expect(read('jenga', paidWith('jenga', { code: 0 }))).toMatchObject({ kind: 'paid', doubt: null });
    expect(read('vexora', paidWith('vexora', { code: 0 })).kind).toBe('unrecognised');
  });

  test.each(['E3008', '0x0', '0e5', '1e3', '٠'])('daraja-stk: %s is not parsed as a number', (code) => {
    expect(read('daraja-stk', paidWith('daraja-stk', { ResultCode: code })).kind).toBe('unrecognised');
  });
});

describe('trap 3: one table per place', () => {
  test('the same code about a call and about a payment', () => {
    expect(read('tanda', paidWith('tanda', { status: 'E422006', result: null })).kind).toBe('failed');
    expect(read('tanda', { status: 'E422006', category: 'Business', severity: 'Low' }).kind).toBe('refused');
    expect(read('vexora', { code: '00029', msg: 'x', data: null }).kind).toBe('unrecognised');
    expect(read('vexora', { code: '0001', msg: 'x' }).kind).toBe('unrecognised');
    expect(read('daraja-stk', { requestId: 'x', errorCode: '1032', errorMessage: 'x' }).kind).toBe(
      'unrecognised',
    );
    expect(read('daraja-stk', { ResultCode: '404.001.03' }).kind).toBe('unrecognised');
    expect(read('lipia', paidWith('lipia', { 'data.response.Status': 'NOT_FOUND' })).kind).toBe(
      'unrecognised',
    );
    expect(read('jenga', { status: false, code: 'Paid' }).kind).toBe('unrecognised');
  });

  test.each(ids)('%s: no code about the call can end an order', (id) => {
    for (const { reading } of known(id).provider.call.values()) {
      expect(['paid', 'failed', 'expired']).not.toContain(reading);
    }
  });
});

describe('trap 4: text never decides, but for 500.001.1001', () => {
  const texts = [
    'Paid',
    'SUCCESS',
    'The transaction is being processed',
    'does not exist',
    'Cancelled',
    '',
    null,
    {},
  ];
  const messageAt: { [id: string]: string } = {
    jenga: 'message',
    'daraja-stk': 'ResultDesc',
    vexora: 'data.message',
    lipia: 'data.response.ResultDesc',
    tanda: 'message',
  };

  test.each(ids)('%s: whatever the text says', (id) => {
    const { paid, failed } = known(id).fixtures;
    for (const text of texts) {
      expect(read(id, changed(paid, messageAt[id] ?? '', text))).toMatchObject({ kind: 'paid', doubt: null });
      expect(read(id, changed(failed, messageAt[id] ?? '', text)).kind).toBe('failed');
    }
  });

  test.each([
    ['The transaction is being processed', 'pending'],
    ['the transaction is BEING PROCESSED.', 'pending'],
    ['The transaction does not Exist', 'not-found'],
    ['Merchant does not exist', 'unrecognised'],
    ['The MERCHANT does not exist', 'unrecognised'],
    ['', 'unrecognised'],
    [null, 'unrecognised'],
    [7, 'unrecognised'],
    ['Success', 'unrecognised'],
  ] as const)('daraja-stk: 500.001.1001 with %j is %s', (errorMessage, kind) => {
    const body = { requestId: 'x', errorCode: '500.001.1001', errorMessage };
    for (const httpStatus of [200, 400, 500])
      expect(read('daraja-stk', body, { httpStatus }).kind).toBe(kind);
  });

  test('daraja-stk: other codes do not listen to the text', () => {
    const body = { errorCode: '500.003.1001', errorMessage: 'The transaction is being processed' };
    expect(read('daraja-stk', body, { httpStatus: 500 }).kind).toBe('unavailable');
  });
});

describe('trap 5: amounts', () => {
  test.each(inMajorUnits)('%s: every way of printing the amount received', (id) => {
    const { fixtures } = known(id);
    const { amountMinor } = fixtures.order;
    const major = amountMinor / 100;
    for (const value of [major, `${major}`, `${major}.0`, `${major}.00`, `${major}.0000`]) {
      const reading = read(id, changed(fixtures.paid, fixtures.at.amount ?? '', value));
      expect(reading).toMatchObject({ kind: 'paid', doubt: null, amountReceivedMinor: amountMinor });
    }
    const exact = JSON.stringify(changed(fixtures.paid, fixtures.at.amount ?? '', 'AMOUNT'));
    expect(read(id, exact.replace('"AMOUNT"', `${major}.0000`))).toMatchObject({ doubt: null });
    expect(read(id, exact.replace('"AMOUNT"', `${major}.001`))).toMatchObject({ doubt: 'amount-unknown' });
    expect(read(id, exact.replace('"AMOUNT"', '1e9'))).toMatchObject({
      amountReceivedMinor: 100_000_000_000,
    });
  });

  test.each(inMinorUnits)('%s: an amount in minor units is a whole number, or unknown', (id) => {
    const { fixtures } = known(id);
    const { amountMinor } = fixtures.order;
    const withAmount = (value: unknown) => read(id, changed(fixtures.paid, fixtures.at.amount ?? '', value));
    for (const value of [amountMinor, `${amountMinor}`])
      expect(withAmount(value)).toMatchObject({ doubt: null, amountReceivedMinor: amountMinor });
    for (const value of [amountMinor + 0.5, `${amountMinor}.00`, `${amountMinor / 100}.5`, '1e9'])
      expect(withAmount(value)).toMatchObject({ doubt: 'amount-unknown', amountReceivedMinor: null });
  });

  test.each([
    ['jenga', { 'data.order.amountPaid': 0.5, 'data.order.orderAmount': 2 }, 50],
    ['vexora', { 'data.payAmount': '0.5', 'data.orderAmount': '3' }, 50],
    ['vexora', { 'data.receivedAmount': '0.5', 'data.amount': '3' }, 50],
    ['tanda', { 'result.amount': '0.50', 'request.amount': '1' }, 50],
  ] as const)('%s: what was asked for is not what came (%j)', (id, fields, amountReceivedMinor) => {
    expect(read(id, paidWith(id, fields))).toMatchObject({ doubt: 'underpaid', amountReceivedMinor });
  });

  test.each([
    ['jenga', { 'data.order.amountPaid': undefined }],
    ['vexora', { 'data.amount': undefined, 'data.orderAmount': '3' }],
    ['lipia', { 'data.response.Amount': undefined }],
    ['tanda', { 'result.amount': undefined }],
  ] as const)('%s: no amount received is not the amount asked for', (id, fields) => {
    expect(read(id, paidWith(id, fields))).toMatchObject({ doubt: 'amount-unknown' });
  });
});

describe('trap 6: money direction', () => {
  test.each([
    { type: 'Payout' },
    { 'request.commandId': 'ConsumerMobileMoneyWithdrawal' },
    { 'request.commandId': 'MerchantToCustomerMobileMoneyPayment' },
    { 'request.commandId': 'BusinessPaymentB2C' },
    { type: null, 'request.commandId': null },
    { type: undefined, request: undefined },
  ])('tanda: %j is not money that came in', (fields) => {
    expect(read('tanda', paidWith('tanda', fields))).toMatchObject({
      kind: 'paid',
      doubt: 'wrong-direction',
    });
    const failed = paidWith('tanda', { ...fields, status: 'E422006' });
    expect(read('tanda', failed).kind).toBe('unrecognised');
  });
});

describe('trap 7: time', () => {
  test.each([
    [
      'jenga',
      { 'data.invoices.0.completedOn': '2024-08-09 16:22:50.197' },
      Date.UTC(2024, 7, 9, 13, 22, 50, 197),
    ],
    ['vexora', { 'data.successTime': '2024-07-01 18:34:31' }, Date.UTC(2024, 6, 1, 15, 34, 31)],
    ['lipia', { 'data.response.TransactionDate': '2024-01-15T10:35:00.000Z' }, Date.UTC(2024, 0, 15, 10, 35)],
    ['tanda', { datetimeCompleted: '2025-09-05T13:36:08+0100' }, Date.UTC(2025, 8, 5, 12, 36, 8)],
  ] as const)('%s', (id, fields, paidAt) => {
    expect(read(id, paidWith(id, fields))).toMatchObject({ doubt: null, paidAt });
  });

  test.each([
    ['jenga', 'data.invoices.0.completedOn'],
    ['vexora', 'data.successTime'],
    ['lipia', 'data.response.TransactionDate'],
    ['tanda', 'datetimeCompleted'],
  ])('%s: a time that cannot be read changes nothing else', (id, path) => {
    for (const value of ['yesterday', null, 0, {}, '9999-99-99 99:99:99']) {
      expect(read(id, paidWith(id, { [path]: value }))).toMatchObject({
        kind: 'paid',
        doubt: null,
        paidAt: null,
      });
    }
  });

  test('our own times are ours', () => {
    for (const id of ids) expect(read(id, known(id).fixtures.paid).at).toBe(sampleNow);
  });
});

describe('trap 8: tokens', () => {
  const withLogin = ids.filter((id) => known(id).provider.auth !== undefined);
  const grant = (id: string, body: unknown) => known(id).provider.auth?.grant(body, sampleNow);

  test.each(withLogin)('%s: what rejects a token, and what does not', (id) => {
    const { provider, fixtures } = known(id);
    const rejects = (httpStatus: number, body: unknown) =>
      rejectsToken(provider, { httpStatus, headers: {}, body: bytes(body) });
    expect(rejects(fixtures.badToken?.httpStatus ?? 401, fixtures.badToken?.body)).toBe(true);
    for (const body of ['', 'x', '<html>', 'null', '[]', '{}']) expect(rejects(401, body)).toBe(true);
    for (const httpStatus of [200, 400, 403, 404, 429, 500]) expect(rejects(httpStatus, '{}')).toBe(false);
  });

  test.each([
    ['400.003.01', 400],
    ['401.002.01', 401],
    ['404.001.03', 404],
  ] as const)('daraja-stk: %s with HTTP %i', (errorCode, httpStatus) => {
    const body = bytes({ errorCode, errorMessage: 'x' });
    expect(rejectsToken(known('daraja-stk').provider, { httpStatus, headers: {}, body })).toBe(true);
  });

  test.each([404, 500])('daraja-stk: a wrong path (HTTP %i) does not kill the token', (httpStatus) => {
    const body = bytes({ errorCode: '404.001.01', errorMessage: 'x' });
    expect(rejectsToken(known('daraja-stk').provider, { httpStatus, headers: {}, body })).toBe(false);
  });

  test.each(withLogin)('%s: what is no grant', (id) => {
    const bodies = [
      undefined,
      null,
      [],
      {},
      'x',
      { access_token: '', accessToken: '' },
      { access_token: 5, accessToken: 5 },
    ];
    const unsafe = { access_token: 'a\r\nX-Evil: 1', accessToken: 'a\r\nX-Evil: 1' };
    for (const body of [...bodies, unsafe, { error: 'invalid_client', error_description: 'x' }]) {
      expect(grant(id, body)).toBeNull();
    }
  });

  test.each([
    ['3599', 3_599_000],
    [3599, 3_599_000],
    [undefined, null],
    [null, null],
    ['', null],
    ['0', null],
    [-5, null],
    ['soon', null],
    [{}, null],
  ])('daraja-stk and tanda: expires_in %j', (expires_in, lifetimeMs) => {
    for (const id of ['daraja-stk', 'tanda']) {
      expect(grant(id, { access_token: 'abc', expires_in })).toEqual({ token: 'abc', lifetimeMs });
    }
  });

  test.each([
    ['900', 900_000],
    [900, 900_000],
    [new Date(sampleNow + 60_000).toISOString(), 60_000],
    ['2024-08-09 16:23:50', 60_000],
    ['soon', null],
    [null, null],
    [[], null],
  ])('jenga: expiresIn %j', (expiresIn, lifetimeMs) => {
    expect(grant('jenga', { accessToken: 'abc', expiresIn })).toEqual({ token: 'abc', lifetimeMs });
    expect(grant('jenga', { token: 'abc', expiresIn })).toEqual({ token: 'abc', lifetimeMs });
  });

  test.each(withLogin)('%s: no token outlives an hour', (id) => {
    expect(known(id).provider.auth?.maxLifetimeMs).toBeLessThanOrEqual(3_600_000);
    expect(known(id).provider.auth?.defaultLifetimeMs).toBeLessThanOrEqual(3_600_000);
  });

  test('the logins are as documented', () => {
    const login = (id: string, more = {}) => {
      const { provider, fixtures } = known(id);
      return provider.auth?.request(provider.settings.parse({ ...fixtures.settings, ...more }));
    };
    expect(login('jenga')).toEqual({
      method: 'POST',
      url: 'https://uat.finserve.africa/authentication/api/v3/authenticate/merchant',
      headers: { 'api-key': 'sample-api-key', 'content-type': 'application/json' },
      body: JSON.stringify({ merchantCode: '9999999999', consumerSecret: 'sample-consumer-secret' }),
    });
    expect(login('daraja-stk')).toEqual({
      method: 'GET',
      url: 'https://sandbox.safaricom.co.ke/oauth/v1/generate?grant_type=client_credentials',
      headers: { authorization: `Basic ${btoa('sample-key:sample-secret')}` },
    });
    const url = 'https://identity.tanda.africa/v1/oauth2/token';
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(login('tanda')).toEqual({
      method: 'POST',
      url,
      headers: { ...form, authorization: `Basic ${btoa('sample-client:sample-client-secret')}` },
      body: 'grant_type=client_credentials',
    });
    expect(login('tanda', { credentialsIn: 'form' })).toEqual({
      method: 'POST',
      url,
      headers: form,
      body: 'grant_type=client_credentials&client_id=sample-client&client_secret=sample-client-secret',
    });
  });
});

describe('trap 9: throttling in disguise', () => {
  const waits = { headers: { 'retry-after': '30' } };
  const throttled = { kind: 'unavailable', throttled: true, retryAfterMs: 30_000 };

  test.each(ids)('%s: HTTP 429, whatever the body says', (id) => {
    const { paid, failed } = known(id).fixtures;
    for (const body of ['', '<html>', '{}', paid, failed]) {
      expect(read(id, body, { httpStatus: 429, ...waits })).toMatchObject(throttled);
    }
  });

  test.each(['500.003.02', '500.003.03'])('daraja-stk: HTTP 500 with %s', (errorCode) => {
    const body = { errorCode, errorMessage: 'System is busy' };
    expect(read('daraja-stk', body, { httpStatus: 500, ...waits })).toMatchObject(throttled);
  });

  test.each([
    ['policies.ratelimit.SpikeArrestViolation', 500],
    ['policies.ratelimit.QuotaViolation', 503],
    ['anything else', 429],
  ])('daraja-stk: fault %s (HTTP %i)', (errorcode, httpStatus) => {
    const body = { fault: { faultstring: 'x', detail: { errorcode } } };
    expect(read('daraja-stk', body, { httpStatus, ...waits })).toMatchObject(throttled);
  });

  test.each([
    ['30', 30_000],
    ['0', 0],
    ['-5', 0],
    ['999999999999', 3_600_000],
    ['9'.repeat(400), 3_600_000],
    [new Date(sampleNow + 60_000).toUTCString(), 60_000],
    [new Date(sampleNow - 60_000).toUTCString(), 0],
    ['soon', null],
    ['', null],
  ])('Retry-After %s', (value, retryAfterMs) => {
    const headers = { 'retry-after': value };
    expect(read('lipia', '', { httpStatus: 429, headers })).toMatchObject({ throttled: true, retryAfterMs });
  });
});

describe('trap 10: secrets come back', () => {
  test('the access token that 401.002.01 echoes is not kept', () => {
    const token = 'GUACN2Kf5xqoGXjAKPRfqsyjYAxL';
    const errorMessage = `Error Occurred - Invalid Access Token - ${token}`;
    const reading = read('daraja-stk', { errorCode: '401.002.01', errorMessage }, { httpStatus: 401 });
    expect(JSON.stringify(reading)).not.toContain(token);
    expect(reading.providerMessage).toBe('Error Occurred - Invalid Access Token - [secret]');
  });

  test.each(ids)('%s: no phone number or token of an answer is in its reading', (id) => {
    const { paid, at } = known(id).fixtures;
    const secret = 'S3cr3tS3cr3tS3cr3tS3cr3tS3cr3t';
    const text = `254712345678 0712345678 ${secret}`;
    const everywhere = JSON.parse(
      JSON.stringify(paid, (_key, value) => (typeof value === 'string' ? text : value)),
    ) as object;
    const bodies = [everywhere, changed(paid, at.word, text), { ...paid, message: text }];
    const errors = [
      { code: text, message: text },
      { errorCode: text, errorMessage: text },
      { error: { code: text } },
    ];
    for (const body of [...bodies, ...errors, { status: text, description: text }]) {
      for (const httpStatus of [200, 400, 401, 500]) {
        const { bodySha256: _, ...shown } = read(id, body, { httpStatus });
        expect(JSON.stringify(shown)).not.toMatch(/712345678|S3cr3t/);
      }
    }
  });
});
