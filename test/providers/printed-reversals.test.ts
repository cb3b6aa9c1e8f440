import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import { saysReversed } from '../../src/providers/printed-reversals.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { bytes } from '../support/provider-contract.ts';
import { sampleNow } from '../support/provider-fixtures.ts';
import { fixturesOf } from './fixtures/index.ts';

const saysSo: readonly object[] = [
  { reversed: true },
  { isReversed: 'true' },
  { REFUNDED: 1 },
  { partially_refunded: 'yes' },
  { charged_back: true },
  { is_voided: 'Y' },
  { refunded: 10_000 },
  { refunded: 'full' },
  { reversed: '2026-08-22T09:15:02.000Z' },
  { refund: { amount: '100.00', status: 'processed' } },
  { refunds: [{ id: 7, amount: 50 }] },
  { refund_status: 'processed' },
  { chargeback: { created_at: '2026-08-22' } },
  { Key: 'Reversed', Value: 'true' },
  { Key: 'ReversedAmount', Value: '100' },
  { reversed_at: '2026-11-28T10:00:00Z' },
  { refundDate: 1_795_887_994_079 },
  { amount_refunded: '10.00' },
  { reversedAmount: 300 },
];
const saysNothing: readonly object[] = [
  { reversed: false },
  { refunded: 'no' },
  { non_refundable: true, nonRefunded: true },
  { refundable: true },
  { reversed_at: null },
  { reversed_at: '0001-01-01T00:00:00' },
  { refunded_at: '1970-01-01T00:00:00Z' },
  { refunded: '0.00', reversed: 'none', refund_status: 'none' },
  // Of an earlier attempt: `extra` is a list.
  { cancelled: true, cancelledOn: '2026-11-28' },
  { refunded_on: '0000-00-00 00:00:00' },
  { amount_refunded: '0.00' },
  { refunds: [] },
  { refund: { allowed: true } },
  { metadata: { reversed: true } },
];

describe.each([...fixturesOf])('%s: a success word beside', (id, { paid, order, settings }) => {
  const provider = providers.get(id) as Provider;
  const read = (fields: object) =>
    readAnswer(provider, { httpStatus: 200, headers: {}, body: bytes({ ...paid, ...fields }) }, order, {
      ...{ at: sampleNow, source: 'poll', settings: provider.settings.parse(settings) },
    });

  test.each(saysSo.map((fields) => [JSON.stringify(fields), fields]))(
    '%s proves nothing',
    (_text, fields) => {
      expect(read({ extra: [fields] })).toMatchObject({ kind: 'paid', doubt: 'contradiction' });
    },
  );

  test.each(saysNothing.map((fields) => [JSON.stringify(fields), fields]))('%s is paid', (_text, fields) => {
    expect(read({ extra: [fields] })).toMatchObject({ kind: 'paid', doubt: null });
  });

  test('a cancellation of the payment itself proves nothing', () => {
    expect(read({ cancelled: true })).toMatchObject({ kind: 'paid', doubt: 'contradiction' });
  });
});

test('a status word that says so is the matter of the tables', () => {
  expect(saysReversed({ status: 'reversed' })).toBe(false);
});
