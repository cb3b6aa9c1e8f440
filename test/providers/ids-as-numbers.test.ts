import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { bytes, changed } from '../support/provider-contract.ts';
import { type FixtureOrder, type ProviderFixtures, sampleNow } from '../support/provider-fixtures.ts';
import { fixturesOf } from './fixtures/index.ts';

// Gateways print ids, references and receipts as JSON numbers too. A number is the text of its digits.

const fixturesFor = (id: string) => fixturesOf.get(id) as ProviderFixtures;

function read(id: string, body: object | string, order: FixtureOrder | null = fixturesFor(id).order) {
  const provider = providers.get(id) as Provider;
  const settings = provider.settings.parse(fixturesFor(id).settings);
  const answer = { httpStatus: 200, headers: {}, body: bytes(body) };
  return readAnswer(provider, answer, order, { at: sampleNow, source: 'poll', settings });
}

const paidWith = (id: string, path: string, value: unknown) => changed(fixturesFor(id).paid, path, value);

describe("MTN's own samples", () => {
  const sample = {
    ...{ amount: 100, currency: 'UGX', financialTransactionId: 23503452, externalId: 947354 },
    payer: { partyIdType: 'MSISDN', partyId: 4656473839 },
  };
  const order = {
    reference: { referenceId: 'b8a1b6a4-2b0e-4b5c-9a3e-0c1d2e3f4a5b', externalId: '947354' },
    ...{ amountMinor: 10_000, currency: 'UGX' },
  };

  test('of a payment', () => {
    const paid = { kind: 'paid', doubt: null, receipt: '23503452', amountReceivedMinor: 10_000 };
    expect(read('mtn-momo', { ...sample, status: 'SUCCESSFUL' }, order)).toMatchObject(paid);
  });

  test('of a failure', () => {
    const reason = { code: 'PAYER_NOT_FOUND', message: 'Payee does not exist' };
    expect(read('mtn-momo', { ...sample, status: 'FAILED', reason }, order)).toMatchObject({
      kind: 'failed',
      reason: 'not-reached',
    });
  });
});

test.each([
  ['mtn-momo', 'financialTransactionId'],
  ['pawapay', 'data.providerTransactionId'],
  ['pesapal', 'confirmation_code'],
  ['airtel-money', 'data.transaction.airtel_money_id'],
  ['lipia', 'data.response.MpesaReceiptNumber'],
  ['tanda', 'result.ref'],
  ['jenga', 'data.invoices.0.externalReference'],
  ['kopokopo', 'data.attributes.event.resource.reference'],
])('%s: the number of a receipt is one', (id, path) => {
  expect(read(id, paidWith(id, path, 1879345621))).toMatchObject({ doubt: null, receipt: '1879345621' });
  const rounded = JSON.stringify(paidWith(id, path, 'HERE')).replace('"HERE"', '1879345621000000000001');
  expect(read(id, rounded)).toMatchObject({ doubt: 'receipt-missing', receipt: null });
});

test('pawapay, version 1: the number of a correspondent is a receipt', () => {
  const { paid, order } = fixturesFor('pawapay');
  const { depositId, currency } = (paid as { data: { depositId: string; currency: string } }).data;
  const deposit = { depositId, currency, status: 'COMPLETED', depositedAmount: '10000.00' };
  const correspondentIds = { MTN_INIT: 'ABC123', MTN_FINAL: 12356789 };
  expect(read('pawapay', [{ ...deposit, correspondentIds }], order)).toMatchObject({
    ...{ doubt: null, receipt: '12356789' },
  });
});

describe('the number of a reference', () => {
  const references = [
    ['lipia', 'data.response.ExternalReference', { transactionReference: 'x', externalReference: '12345' }],
    ['lipia', 'data.response.TransactionReference', '12345'],
    ['vexora', 'data.tradeNo', { tradeNo: '12345' }],
    ['paystack', 'data.reference', '12345'],
    ['airtel-money', 'data.transaction.id', '12345'],
    ['kopokopo', 'data.id', '12345'],
    ['daraja-stk', 'CheckoutRequestID', '12345'],
    ['tanda', 'trackingId', '12345'],
    ['pesapal', 'order_tracking_id', '12345'],
  ] as const;

  test.each(references)('%s: %s is ours', (id, path, reference) => {
    const order = { ...fixturesFor(id).order, reference } as FixtureOrder;
    expect(read(id, paidWith(id, path, 12345), order)).toMatchObject({ kind: 'paid', doubt: null });
  });

  test.each(references)('%s: %s is of another', (id, path, reference) => {
    const order = { ...fixturesFor(id).order, reference } as FixtureOrder;
    const reading = read(id, paidWith(id, path, 12346), order);
    expect(reading).toMatchObject({ kind: 'paid', doubt: 'reference-mismatch' });
  });
});

test.each([
  ['lipia', 'data.response.MpesaReceiptNumber', 1234567890],
  ['kopokopo', 'data.attributes.event.resource', { reference: 1234567890 }],
  ['tanda', 'result', { ref: 1234567890 }],
])('%s: the number of a receipt beside a failure denies it', (id, path, value) => {
  const { failed, order } = fixturesFor(id);
  expect(read(id, failed, order).kind).toBe('failed');
  expect(read(id, changed(failed, path, value), order).kind).toBe('unrecognised');
});

test.each([
  ['mtn-momo', { externalId: 947354 }, '947354'],
  ['lipia', { response: { ExternalReference: 12345 } }, '12345'],
  ['paystack', { data: { reference: 12345 } }, '12345'],
  ['pesapal', { OrderTrackingId: 'x', OrderMerchantReference: 12345 }, '12345'],
  ['airtel-money', { transaction: { id: 12345 } }, '12345'],
  ['tanda', { reference: 12345 }, '12345'],
  ['jenga', { customer: { reference: 12345 } }, '12345'],
  ['kopokopo', { data: { id: 12345 } }, '12345'],
])('%s: a callback that prints a number names our order: %j', (id, body, name) => {
  const { callback } = providers.get(id) as Provider;
  expect(callback?.aliases(callback.body.parse(body))).toContain(name);
});
