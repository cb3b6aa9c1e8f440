import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { bytes, changed } from '../support/provider-contract.ts';
import { type ProviderFixtures, sampleNow } from '../support/provider-fixtures.ts';
import { darajaResultFixtures } from './fixtures/daraja.ts';
import { fixturesOf } from './fixtures/index.ts';

// Answers that are at odds with themselves, read without an order at hand: nothing but the answer can tell.

function read(id: string, from: 'paid' | 'failed', fields: { readonly [path: string]: unknown }) {
  const provider = providers.get(id) as Provider;
  const fixtures = (fixturesOf.get(id) ?? darajaResultFixtures) as ProviderFixtures;
  const body = Object.entries(fields).reduce(
    (each, [path, value]) => changed(each, path, value),
    fixtures[from],
  );
  return readAnswer(provider, { httpStatus: 200, headers: {}, body: bytes(body) }, null, {
    at: sampleNow,
    source: 'poll',
    settings: provider.settings.parse(fixtures.settings),
    ...(provider.asyncResult && { pushed: true }),
  });
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

  test('jenga: more parts than anybody pays in prove nothing', () => {
    const many = Array.from({ length: 21 }, (_, nth) => paid(`SH90HU7F${10 + nth}`));
    expect(invoicesOf(...many)).toMatchObject({ doubt: 'receipt-missing', receipt: null });
    expect(invoicesOf(...many.slice(1))).toMatchObject({ doubt: null });
  });
});

describe('failed, at odds with itself', () => {
  test.each([
    ['vexora', 'with money', { 'data.receivedAmount': '3.00' }],
    ['lipia', 'with a receipt', { 'data.response.MpesaReceiptNumber': 'NEF61H8J60' }],
    ['daraja-stk', 'upon a query that was refused', { ResponseCode: '1' }],
  ] as const)('%s: %s is no failure', (id, _what, fields) => {
    expect(read(id, 'failed', fields).kind).toBe('unrecognised');
  });
});
