import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { bytes, changed } from '../support/provider-contract.ts';
import { type ProviderFixtures, sampleNow } from '../support/provider-fixtures.ts';
import { darajaResultFixtures } from './fixtures/daraja.ts';
import { fixturesOf } from './fixtures/index.ts';

// What denies a success counts whatever its JSON type is, and what is empty denies nothing.

const fixturesFor = (id: string): ProviderFixtures => fixturesOf.get(id) ?? darajaResultFixtures;

function read(id: string, from: 'paid' | 'failed', fields: { readonly [path: string]: unknown }) {
  const provider = providers.get(id) as Provider;
  const { settings, order, ...fixtures } = fixturesFor(id);
  const body = Object.entries(fields).reduce(
    (each: object, [path, value]) => changed(each, path, value),
    fixtures[from],
  );
  return readAnswer(provider, { httpStatus: 200, headers: {}, body: bytes(body) }, order, {
    ...{ at: sampleNow, source: 'poll' },
    settings: provider.settings.parse(settings),
    ...(provider.asyncResult && { pushed: true }),
  });
}

const empty = [null, undefined, '', ' ', {}, [], false, 0, { code: null }, { code: '', message: ' ' }];

describe('a success beside the reason of a failure', () => {
  const reasons = [
    'NOT_ENOUGH_FUNDS',
    'x',
    ['x'],
    { code: 'PAYER_NOT_FOUND' },
    { failureMessage: 'refused' },
  ];
  const unpaid = { error_type: 'api_error', code: null, message: 'Pending Payment' };

  test.each([
    ...['NOT_ENOUGH_FUNDS', 'EXPIRED', { code: 'PAYER_NOT_FOUND' }, { message: 'x' }, { other: 'x' }].map(
      (value) => ['mtn-momo', 'reason', value] as const,
    ),
    ...reasons.map((value) => ['pawapay', 'data.failureReason', value] as const),
    ...['NO_AUTHENTICATION', ['x'], { failureMessage: 'x' }].map(
      (value) => ['pawapay', 'failureReason', value] as const,
    ),
    ...[unpaid, 'payment_details_not_found', [unpaid], { code: 500 }, { other: 'x' }, true].map(
      (value) => ['pesapal', 'error', value] as const,
    ),
    ...[false, 0, '500', { code: 500 }].map((value) => ['pesapal', 'status', value] as const),
    ...[['INVALID'], 0, 'INVALID'].map((value) => ['pesapal', 'payment_status_description', value] as const),
  ])('%s: %s is %j', (id, path, value) => {
    const doubt = { kind: 'paid', doubt: 'contradiction', certainty: 'soft' };
    expect(read(id, 'paid', { [path]: value })).toMatchObject(doubt);
  });

  test.each([
    ...empty.slice(0, 5).map((value) => ['mtn-momo', 'reason', value] as const),
    ...[{ code: null, message: null }, { code: '' }].map((value) => ['mtn-momo', 'reason', value] as const),
    ...empty.map((value) => ['pawapay', 'data.failureReason', value] as const),
    ...empty.map((value) => ['pawapay', 'failureReason', value] as const),
    ...empty.map((value) => ['pawapay', 'data.refundId', value] as const),
    ...empty.map((value) => ['pesapal', 'error', value] as const),
    ...empty.map((value) => ['kopokopo', 'error', value] as const),
    ...empty.map((value) => ['daraja-stk', 'fault', value] as const),
    ['pesapal', 'error', { code: null, call_back_url: 'https://shop.example/' }],
  ] as const)('%s: %s is %j, which says nothing', (id, path, value) => {
    expect(read(id, 'paid', { [path]: value })).toMatchObject({ kind: 'paid', doubt: null });
  });

  test('kopokopo: an error of any shape speaks of the call', () => {
    for (const error of ['x', { code: 'x' }, ['x'], true, 7]) {
      expect(read('kopokopo', 'paid', { error }).kind, JSON.stringify(error)).toBe('unrecognised');
    }
  });

  test('daraja-stk: a fault of any shape speaks of the call', () => {
    for (const fault of ['x', ['x'], true, { code: 1 }]) {
      expect(read('daraja-stk', 'paid', { fault }).kind, JSON.stringify(fault)).toBe('unrecognised');
    }
  });
});

describe('money that went out, in another shape', () => {
  test.each([
    ['pawapay', 'data.refundId', 77],
    ['pawapay', 'data.payoutId', { id: 'x' }],
    ['pawapay', 'data.remittanceId', ['x']],
    ['airtel-money', 'status', [{ response_code: 'DP00900001001' }]],
    ['airtel-money', 'status.response_code', { code: 'DP00900001001' }],
    ['airtel-money', 'status.result_code', 'DP00900001001'],
    ['airtel-money', 'status.code', 'dp00900001001'],
    ['tanda', 'request.commandId', 7],
    ['tanda', 'request.commandId', ['CustomerToMerchantMobileMoneyPayment']],
  ])('%s: %s is %j', (id, path, value) => {
    expect(read(id, 'paid', { [path]: value })).toMatchObject({ kind: 'paid', doubt: 'wrong-direction' });
  });

  test.each([
    [[{ amount: '100', commandId: 'ConsumerMobileMoneyWithdrawal' }]],
    ['ConsumerMobileMoneyWithdrawal'],
  ])('tanda: the request %j cannot be read', (request) => {
    expect(read('tanda', 'paid', { request }).kind).toBe('unrecognised');
  });

  test.each([
    [[], null],
    ['', null],
    [{}, null],
  ])('tanda: the request %j says nothing', (request, doubt) => {
    expect(read('tanda', 'paid', { request, type: 'Payment' })).toMatchObject({ kind: 'paid', doubt });
  });
});

describe('test money in the answer to a live key', () => {
  const { settings, paid, order } = fixturesFor('paystack');
  const provider = providers.get('paystack') as Provider;
  const live = provider.settings.parse({ ...settings, secretKey: 'sk_live_0123456789abcdef' });

  test.each([
    ['test', 'contradiction'],
    ['TEST', 'contradiction'],
    [['test'], 'contradiction'],
    ['live', null],
    ['LIVE', null],
    [null, null],
  ])('the domain %j', (domain, doubt) => {
    const body = bytes(changed(paid, 'data.domain', domain));
    const options = { at: sampleNow, source: 'poll', settings: live } as const;
    expect(readAnswer(provider, { httpStatus: 200, headers: {}, body }, order, options)).toMatchObject({
      ...{ kind: 'paid', doubt },
    });
  });
});

describe('daraja: a parameter whose value is a list or an object', () => {
  const { Result: result } = fixturesFor('daraja').paid as {
    Result: { ResultParameters: { ResultParameter: readonly object[] } };
  };
  const parameters = result.ResultParameters.ResultParameter;
  const withParameter = (Key: string, Value: unknown) =>
    read('daraja', 'paid', { 'Result.ResultParameters.ResultParameter': [...parameters, { Key, Value }] });

  test.each([['Reversed'], { word: 'Reversed' }])('a second status %j', (value) => {
    expect(withParameter('TransactionStatus', [value])).toMatchObject({ doubt: 'contradiction' });
  });

  test('a second amount that cannot be read', () =>
    expect(withParameter('Amount', ['1'])).toMatchObject({ doubt: 'amount-unknown' }));

  test.each([{}, [], [null], { x: '' }])('%j says nothing', (value) => {
    expect(withParameter('TransactionStatus', value)).toMatchObject({ kind: 'paid', doubt: null });
  });
});

describe('a failure beside what may be a receipt', () => {
  test.each([
    ['lipia', { 'data.response.MpesaReceiptNumber': ['NEF61H8J60'] }],
    ['kopokopo', { 'data.attributes.event.resource': { reference: { id: 'OJM6Q1W84K' } } }],
    ['kopokopo', { 'data.attributes.event.resource': [{ reference: 'OJM6Q1W84K' }] }],
    ['kopokopo', { 'data.attributes.event': [{ resource: { reference: 'OJM6Q1W84K' } }] }],
    ['tanda', { result: { ref: ['TIK4H8J60Q'] } }],
    ['tanda', { result: [{ ref: 'TIK4H8J60Q' }] }],
    ['paystack', { 'data.receipt_number': ['NEF61H8J60'] }],
    ['jenga', { 'data.invoices.0.externalReference': ['SH90HU7FO2'] }],
  ])('%s: %j', (id, fields) => {
    expect(read(id, 'failed', {}).kind).toBe('failed');
    expect(read(id, 'failed', fields).kind).toBe('unrecognised');
  });
});

describe('failures that may not be the end', () => {
  test.each(['ongoing', 'PAYER_DELAYED ', 'PAYEE_DELAYED', ' Pending'])('mtn-momo: FAILED, %j', (reason) => {
    expect(read('mtn-momo', 'failed', { reason }).kind).toBe('unrecognised');
    expect(read('mtn-momo', 'failed', { reason: { code: reason } }).kind).toBe('unrecognised');
  });

  test.each([
    { payment_status_description: 'INVALID' },
    { payment_status_description: ['INVALID'] },
    { error: { error_type: 'api_error', code: 'payment_details_not_found', message: 'Pending Payment' } },
    { error: 'payment_details_not_found' },
  ])('pesapal: 2 beside the signs of an order that nobody has paid yet: %j', (fields) => {
    expect(read('pesapal', 'failed', fields).kind).toBe('unrecognised');
  });
});

describe('several amounts that were received', () => {
  test.each([
    { 'data.receivedAmount': '3.00', 'data.payAmount': '0.01' },
    { 'data.receivedAmount': '0.01', 'data.payAmount': '3.00' },
  ])('vexora: the least counts: %j', (fields) => {
    expect(read('vexora', 'paid', fields)).toMatchObject({
      ...{ doubt: 'underpaid', amountReceivedMinor: 1 },
    });
  });

  test('vexora: one that cannot be read leaves the amount unknown', () => {
    const fields = { 'data.receivedAmount': '3.00', 'data.payAmount': { value: 1 } };
    expect(read('vexora', 'paid', fields)).toMatchObject({ doubt: 'amount-unknown' });
  });

  test('jenga: the service charge is not ours', () => {
    const fields = { 'data.order.orderAmount': 1, 'data.order.amountPaid': 2, 'data.invoices.0.amount': 1 };
    expect(read('jenga', 'paid', { ...fields, 'data.invoices.0.amountDebited': 1 })).toMatchObject({
      ...{ doubt: 'underpaid', amountReceivedMinor: 200 },
    });
  });

  test.each([
    { 'data.invoices.0.amount': 1 },
    { 'data.invoices.0.amountDebited': 1.99 },
    { 'data.invoices.0.amount': { value: 2 } },
    { 'data.invoices.0.amount': 0, 'data.invoices.0.amountDebited': 0 },
  ])('jenga: paid invoices of less than the order received: %j', (fields) => {
    expect(read('jenga', 'paid', fields)).toMatchObject({ kind: 'paid', doubt: 'contradiction' });
  });

  test.each([
    { 'data.invoices.0.amount': null },
    { 'data.invoices.0.amount': 3, 'data.invoices.0.amountDebited': undefined },
    { 'data.order.amountPaid': 3 },
  ])('jenga: enough, or nothing to compare with: %j', (fields) => {
    expect(read('jenga', 'paid', fields)).toMatchObject({ kind: 'paid', doubt: null });
  });
});
