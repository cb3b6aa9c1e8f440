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
  { cancelled: true },
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
    expect(read({ ...fields, extra: [fields] })).toMatchObject({ kind: 'paid', doubt: null });
  });
});

test('a status word that says so is the matter of the tables', () => {
  expect(saysReversed({ status: 'reversed' })).toBe(false);
});
