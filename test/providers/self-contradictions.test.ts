import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { bytes, changed } from '../support/provider-contract.ts';
import { type FixtureOrder, type ProviderFixtures, sampleNow } from '../support/provider-fixtures.ts';
import { darajaResultFixtures } from './fixtures/daraja.ts';
import { fixturesOf } from './fixtures/index.ts';

// Answers that are at odds with themselves. What says paid is read without an order: nothing but the answer can tell.

type Fields = { readonly [path: string]: unknown };

function read(id: string, from: 'paid' | 'failed', fields: Fields, order: FixtureOrder | null = null) {
  const body = Object.entries(fields).reduce(
    (each, [path, value]) => changed(each, path, value),
    fixturesFor(id)[from],
  );
  return readBody(id, body, order);
}

function readBody(id: string, body: object, order: FixtureOrder | null) {
  const provider = providers.get(id) as Provider;
  return readAnswer(provider, { httpStatus: 200, headers: {}, body: bytes(body) }, order, {
    at: sampleNow,
    source: 'poll',
    settings: provider.settings.parse(fixturesFor(id).settings),
    ...(provider.asyncResult && { pushed: true }),
  });
}

function fixturesFor(id: string): ProviderFixtures {
  return fixturesOf.get(id) ?? darajaResultFixtures;
}

function orderOf(id: string): FixtureOrder {
  return fixturesFor(id).order;
}

describe('paid, at odds with itself', () => {
  test.each([
    ['jenga', 'less than its own order', { 'data.order.amountPaid': 1.99 }, 'underpaid', 'firm'],
    ['jenga', 'nothing', { 'data.order.amountPaid': 0 }, 'underpaid', 'firm'],
    ['jenga', 'no paid invoice', { 'data.invoices.0.invoiceStatus': 'Cancelled' }, 'contradiction', 'soft'],
    ['jenga', 'an error code', { code: '500100' }, 'contradiction', 'soft'],
    ['vexora', 'less than was asked', { 'data.receivedAmount': '2.99' }, 'underpaid', 'firm'],
    ['vexora', 'less was paid than ordered', { 'data.orderAmount': '3.01' }, 'underpaid', 'firm'],
    ['vexora', 'nothing', { 'data.amount': '0.00' }, 'underpaid', 'firm'],
    ['vexora', 'no success', { success: false }, 'contradiction', 'soft'],
    ['vexora', 'no success, as a number', { success: 0 }, 'contradiction', 'soft'],
    ['lipia', 'no success, as a number', { success: 0 }, 'contradiction', 'soft'],
    ['lipia', 'no success, as a word', { success: 'False' }, 'contradiction', 'soft'],
    ['lipia', 'no success inside, as a word', { 'data.status': ' NO ' }, 'contradiction', 'soft'],
    ['jenga', 'no success, as a number', { status: '0' }, 'contradiction', 'soft'],
    ['jenga', 'no success, as a word', { status: 'FAILED' }, 'contradiction', 'soft'],
    ...(['rejected', 'declined', 'NOK', 'unpaid', -1, {}] as const).map(
      (status) =>
        ['jenga', `the status ${JSON.stringify(status)}`, { status }, 'contradiction', 'soft'] as const,
    ),
    ['vexora', 'no known success', { success: 'rejected' }, 'contradiction', 'soft'],
    ['lipia', 'no known success', { success: 'NOK' }, 'contradiction', 'soft'],
    ['lipia', 'no known success inside', { 'data.status': 'declined' }, 'contradiction', 'soft'],
    ['tanda', 'no known success', { success: 'rejected' }, 'contradiction', 'soft'],
    ['tanda', 'no success', { success: 'n' }, 'contradiction', 'soft'],
    ['lipia', 'nothing', { 'data.response.Amount': 0 }, 'underpaid', 'firm'],
    ['lipia', 'the status of an error', { status: 'error' }, 'contradiction', 'soft'],
    ['lipia', 'the code of a failure', { 'data.response.ResultCode': 1032 }, 'contradiction', 'soft'],
    ['tanda', 'less than was requested', { 'request.amount': '1.01' }, 'underpaid', 'firm'],
    ['tanda', 'nothing', { 'result.amount': '0.00', 'request.amount': undefined }, 'underpaid', 'firm'],
    ['tanda', 'an error', { error: 'E500000' }, 'contradiction', 'soft'],
    ['daraja-stk', 'a query that was refused', { ResponseCode: '1' }, 'contradiction', 'soft'],
    ['daraja', 'nothing', { 'Result.ResultParameters.ResultParameter.2.Value': '0' }, 'underpaid', 'firm'],
  ] as const)('%s: %s', (id, _what, fields, doubt, certainty) => {
    expect(read(id, 'paid', fields)).toMatchObject({ kind: 'paid', doubt, certainty });
  });

  test.each([
    ['jenga', { 'data.order.amountPaid': 3 }],
    ['jenga', { 'data.order.orderAmount': null }],
    ['vexora', { 'data.receivedAmount': '3.00', 'data.orderAmount': '3' }],
    ['tanda', { 'request.amount': '0.50' }],
  ] as const)('%s: enough, or nothing to compare with: %j', (id, fields) => {
    expect(read(id, 'paid', fields)).toMatchObject({ kind: 'paid', doubt: null });
  });
});

describe('paid in several parts', () => {
  const paid = (externalReference: string | null) => ({
    ...{ invoiceStatus: 'Paid', orderReference: 'OR28922980077', externalReference },
  });
  const invoicesOf = (...invoices: object[]) => read('jenga', 'paid', { 'data.invoices': invoices });

  test('jenga: the receipts of all paid invoices count, each once, and of no other', () => {
    const cancelled = { ...paid('SH90HU7FO9'), invoiceStatus: 'Cancelled' };
    expect(
      invoicesOf(cancelled, paid(null), paid('SH90HU7FO2'), paid('SH90HU7FO3'), paid('sh90hu7fo3')),
    ).toMatchObject({
      doubt: null,
      receipt: 'SH90HU7FO2',
      furtherReceipts: ['SH90HU7FO3'],
    });
    expect(invoicesOf(paid('SH90HU7FO2'))).not.toHaveProperty('furtherReceipts');
  });

  test.each(['Reversed', 'Refunded', 'Charged back', ''])('jenga: beside an invoice that is %j', (state) => {
    const other = { ...paid('SH90HU7FO3'), invoiceStatus: state };
    expect(invoicesOf(paid('SH90HU7FO2'), other)).toMatchObject({ kind: 'paid', doubt: 'contradiction' });
  });

  test('jenga: the receipt of a paid invoice stands on no other', () => {
    const cancelled = { ...paid(' sh90hu7fo2'), invoiceStatus: 'Cancelled' };
    expect(invoicesOf(paid('SH90HU7FO2'), cancelled)).toMatchObject({ doubt: 'contradiction' });
  });

  test('jenga: more parts than anybody pays in prove nothing', () => {
    const many = Array.from({ length: 21 }, (_, nth) => paid(`SH90HU7F${10 + nth}`));
    expect(invoicesOf(...many)).toMatchObject({ doubt: 'receipt-missing', receipt: null });
    expect(invoicesOf(...many.slice(1))).toMatchObject({ doubt: null });
  });
});

describe('money that did not come in', () => {
  const kinds = [
    'Refund',
    'Reversal',
    'Chargeback',
    'Pay Out',
    'SalaryPayment',
    'BulkPayment',
    'BusinessPayment',
    'x',
  ];
  const spelt = ['payment', ' Payment', 'Payout'];

  test.each([...kinds, ...spelt])('tanda: the type %j', (type) => {
    expect(read('tanda', 'paid', { type })).toMatchObject({ kind: 'paid', doubt: 'wrong-direction' });
    expect(read('tanda', 'failed', { type }).kind).toBe('unrecognised');
  });

  test.each([...kinds, 'MerchantTo3rdPartyMerchantPayment', 'toString'])(
    'tanda: the command %j',
    (commandId) => {
      const doubt = 'wrong-direction';
      expect(read('tanda', 'paid', { 'request.commandId': commandId })).toMatchObject({
        kind: 'paid',
        doubt,
      });
    },
  );

  test.each([
    { type: '' },
    { 'request.commandId': null },
    { 'request.commandId': 'ConsumerMobileMoneyDeposit' },
  ])('tanda: %j leaves an incoming payment what it is', (fields) =>
    expect(read('tanda', 'paid', fields)).toMatchObject({ kind: 'paid', doubt: null }),
  );
});

const jengaInvoice = (fields: object) => ({
  'data.invoices': [
    { invoiceStatus: 'Cancelled', orderReference: 'OR28922980077', externalReference: null },
    { invoiceStatus: 'Cancelled', orderReference: 'OR28922980077', externalReference: null, ...fields },
  ],
});

describe('failed, at odds with itself', () => {
  test.each([
    ['vexora', 'with money', { 'data.receivedAmount': '3.00' }],
    ['vexora', 'with a payment', { 'data.payAmount': '3.00' }],
    ['vexora', 'without our receipt', { 'data.mpesaReceiptNumber': null }],
    ['lipia', 'with a receipt', { 'data.response.MpesaReceiptNumber': 'NEF61H8J60' }],
    ['lipia', 'with a success inside', { 'data.status': 'true' }],
    ['daraja-stk', 'upon a query that was refused', { ResponseCode: '1' }],
    ['daraja-stk', 'without our reference', { CheckoutRequestID: undefined }],
    ['jenga', 'with money', { 'data.order.amountPaid': 2.0 }],
    [
      'jenga',
      'with a paid invoice',
      { 'data.order.orderStatus': 'Cancelled', ...jengaInvoice({ invoiceStatus: 'Paid' }) },
    ],
    [
      'jenga',
      'expired, with money',
      { 'data.order.orderStatus': 'Expired', 'data.order.amountPaid': '0.01' },
    ],
    ['jenga', 'with a receipt', jengaInvoice({ externalReference: 'SH90HU7FO2' })],
    ['tanda', 'with money', { result: { amount: '1.00' } }],
    ['tanda', 'with a receipt', { result: { ref: 'fv9n_TDX' } }],
    ['tanda', 'with a success', { success: true }],
    ['paystack', 'with a receipt', { 'data.receipt_number': 'NEF61H8J60' }],
    ['kopokopo', 'with money', { 'data.attributes.event.resource': { amount: '100.0' } }],
    ['kopokopo', 'with a receipt', { 'data.attributes.event.resource': { reference: 'OJM6Q1W84K' } }],
  ] as const)('%s: %s is no failure', (id, _what, fields) => {
    expect(read(id, 'failed', {}, orderOf(id)).kind).toMatch(/^(failed|expired)$/);
    expect(read(id, 'failed', fields, orderOf(id)).kind).toBe('unrecognised');
  });

  test('pawapay, version 1: a deposit that failed with money received is no failure', () => {
    const { paid, order } = fixturesOf.get('pawapay') as ProviderFixtures;
    const { depositId } = (paid as { data: { depositId: string } }).data;
    const failed = { depositId, status: 'FAILED', currency: 'KES', requestedAmount: '123.00' };
    const body = (fields: object) => [{ ...failed, ...fields }];
    expect(readBody('pawapay', body({}), order)).toMatchObject({ kind: 'failed' });
    expect(readBody('pawapay', body({ depositedAmount: '123.00' }), order).kind).toBe('unrecognised');
  });

  // What the documentation prints beside failures stays what it is.
  test.each([
    ['mtn-momo', { financialTransactionId: '363440463', amount: '100' }],
    ['pesapal', { confirmation_code: 'AA11BB22', amount: 100 }],
    ['airtel-money', { 'data.transaction.airtel_money_id': 'C36XX67' }],
    ['pawapay', { 'data.providerTransactionId': 'NEF61H8J60' }],
    ['lipia', { 'data.response.Amount': 100 }],
    ['jenga', jengaInvoice({ externalReference: 'NONE' })],
  ] as const)('%s: a failure with %j', (id, fields) => {
    expect(read(id, 'failed', fields, orderOf(id)).kind).toBe('failed');
  });
});
