import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { mobileMoneyReceipt, mpesaReceipt } from '../../src/providers/receipts.ts';
import { bytes, changed } from '../support/provider-contract.ts';
import { type ProviderFixtures, sampleNow } from '../support/provider-fixtures.ts';
import { fixturesOf } from './fixtures/index.ts';

const { isReceipt } = mpesaReceipt;

/** Where a paid answer of each provider has its receipt. */
const places = new Map([
  ['jenga', 'data.invoices.0.externalReference'],
  ['lipia', 'data.response.MpesaReceiptNumber'],
  ['tanda', 'result.ref'],
]);

function readWith(id: string, receipt: unknown) {
  const provider = providers.get(id) as Provider;
  const fixtures = fixturesOf.get(id) as ProviderFixtures;
  const body = changed(fixtures.paid, places.get(id) ?? '', receipt);
  return readAnswer(provider, { httpStatus: 200, headers: {}, body: bytes(body) }, null, {
    ...{ at: sampleNow, source: 'poll' },
    settings: provider.settings.parse(fixtures.settings),
  });
}

describe('a receipt', () => {
  test.each(['SH90HU7FO2', 'LGRABCDEFG', 'sh90hu7fo2', 'fv9n_TDX', '173456789', 'TX-2026-0001'])(
    'is %s',
    (text) => expect(isReceipt(text)).toBe(true),
  );

  const words = ['pending', 'success', 'none', 'NONE', 'null', 'n/a', 'undefined', 'unknown', 'test', 'paid'];
  const shaped = ['SUCCESSFUL', 'PROCESSING', 'abcdefghij', 'XXXXXXXXXX', '0000000000', '0000'];
  test.each([
    '2026-11-28',
    '13-06-2024',
    '1970-01-01',
    '20261128143000',
    '2024-06-13T10-15-22',
    '20301231_235959',
  ])('is not a date: %s', (text) =>
    expect([mpesaReceipt, mobileMoneyReceipt].map((kind) => kind.isReceipt(text))).toEqual([false, false]),
  );
  test.each(['20261128', '20261328', '20269999143000', '30261128', 'TX-2026-11-28', '2026112814300099'])(
    'is %s, which is no date',
    (text) => expect(isReceipt(text)).toBe(true),
  );

  test.each([
    ...[
      'XXXX1234',
      'XXXX-XXXX-XXXX-1234',
      'SH9____FO2',
      'no_receipt_1',
      'code404',
      '1-1-1-1',
      'ws_CO_1912201910203',
    ],
    ...['100.00', '2024.06.13', '1.0.0.1', 'null.0', 'pending.1', 'C3648.00993.538XX.XX67'],
    ...['00000000-0000-0000-0000-000000000000', 'AG_20180223_0000493344ae97d86f75'],
  ])('is not %s', (text) =>
    expect([mpesaReceipt, mobileMoneyReceipt].map((kind) => kind.isReceipt(text))).toEqual([false, false]),
  );
  test.each(['MP240613.1015.A00001', 'T_ZQHYRNPLKM', '5fa2c1b0-7c0d-4f3b-9d2e-111122223333'])(
    'of a mobile-money system is %s',
    (text) => expect(mobileMoneyReceipt.isReceipt(text)).toBe(true),
  );

  test.each([
    ...['pending1', 'failed2', 'unpaid1', 'not-paid-1', 'null0', 'NONE0', 'unknown-1', 'PENDING123'],
    ...['not_found_404', '1PENDING', 'SUCCESS-200', 'UNAVAILABLE1', 'completed_0', 'TRUE1'],
  ])('is not a word with digits: %s', (text) =>
    expect([mpesaReceipt, mobileMoneyReceipt].map((kind) => kind.isReceipt(text))).toEqual([false, false]),
  );

  test.each(['C36*******67', 'SH9XXXXXO2', 'c36xxxxxxx67', 'MP210603.XXXXX.L06941', 'SH*0HU7FO2'])(
    'is not masked: %s',
    (text) =>
      expect([mpesaReceipt, mobileMoneyReceipt].map((kind) => kind.isReceipt(text))).toEqual([false, false]),
  );

  test.each([
    ...['SH90HU7FO2', '712345678', '363440463', 'PAID12345X', 'A1NULL2B3C', 'fv9n_TDX', 'E2E1test4'],
    ...['PAID123456', 'P1A2I3D456', 'NONE123456', 'P1ENDING23', 'TBD1234567'],
  ])('may have anything else: %s', (text) => expect(isReceipt(text)).toBe(true));

  test.each([
    ...words,
    ...words.map((word) => word.toUpperCase()),
    ...shaped,
    'SH90 HU7FO2',
    '',
    '0712345678',
  ])('is not %j', (text) => expect(isReceipt(text)).toBe(false));
});

test.each([...places.keys()])('%s: where no receipt stands, paid is not proven', (id) => {
  const { payment, call } = providers.get(id) as Provider;
  const ofItsTables = [...payment.keys(), ...call.keys()].flatMap((word) => [word, word.toLowerCase()]);
  for (const word of ['pending', 'SUCCESS', 'None', 'n/a', 'SUCCESSFUL', ' ', null, ...ofItsTables]) {
    expect(readWith(id, word)).toMatchObject({ kind: 'paid', doubt: 'receipt-missing', receipt: null });
  }
  expect(readWith(id, ' LGRABCDEFG ')).toMatchObject({ doubt: null, receipt: 'LGRABCDEFG' });
});
