import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { classify } from '../../src/commands/classification.ts';
import { isRefused } from '../../src/providers/callback-rules.ts';
import { providers } from '../../src/providers/index.ts';
import { airtelMoneyFixtures } from './fixtures/airtel-money.ts';

const provider = providers.get('airtel-money');
if (provider?.callback === undefined) throw new Error('airtel-money has callbacks.');
const { callback } = provider;
const callbackKey = 'a-key';
const transaction = { id: 'BBZMiscxy', message: 'Paid {5,000} "to" é', status_code: 'TS' };

function isRefusedWith(rawText: string, settings: object): boolean {
  const push = { method: 'POST', authority: '', target: '', headers: {}, rawBody: Buffer.from(rawText) };
  return isRefused(callback, push, settings, callback.body.parse(JSON.parse(rawText)), 0);
}

function hashOf(text: string): string {
  return createHmac('sha256', callbackKey).update(text).digest('base64');
}

describe('signed callbacks', () => {
  const text = JSON.stringify(transaction);
  const signed = JSON.stringify({ transaction, hash: hashOf(text) });
  const spaced = JSON.stringify(transaction, null, 1);

  test('the hash covers the transaction', () => {
    expect(isRefusedWith(signed, { callbackKey })).toBe(false);
    expect(isRefusedWith(signed.replace('"TS"', '"TF"'), { callbackKey })).toBe(true);
    expect(isRefusedWith(signed, { callbackKey: 'another-key' })).toBe(true);
  });

  test.each([text, spaced])('as JSON without blanks, or as it was sent', (covered) => {
    const sent = `{"hash": "${hashOf(covered)}", "transaction": ${spaced}}`;
    expect(isRefusedWith(sent, { callbackKey })).toBe(false);
  });

  test.each([
    ['nested in front', (own: string, other: string) => `"x":{"transaction":${own}},"transaction":${other}`],
    ['under the same key', (own: string, other: string) => `"transaction":${own},"transaction":${other}`],
    [
      'under the same key, escaped',
      (own: string, other: string) => `"transaction":${own},"\\u0074ransaction":${other}`,
    ],
    [
      'under a key that ends like it',
      (own: string, other: string) => `"a\\"transaction":${own},"transaction":${other}`,
    ],
  ])('the hash of one transaction vouches for no other: %s', (_name, fields) => {
    const other = text.replace(transaction.id, 'ANOTHER');
    expect(isRefusedWith(`{${fields(text, other)},"hash":"${hashOf(text)}"}`, { callbackKey })).toBe(true);
    expect(isRefusedWith(`{${fields(other, text)},"hash":"${hashOf(text)}"}`, { callbackKey })).toBe(true);
  });

  test('an id that the signed transaction names twice is none', () => {
    const twice = `{"id":"ANOTHER",${text.slice(1)}`;
    const sent = `{"transaction":${twice},"hash":"${hashOf(twice)}"}`;
    expect(isRefusedWith(sent, { callbackKey })).toBe(true);
  });

  test('an account with a key takes none without a hash; one without a key does not look', () => {
    expect(isRefusedWith(JSON.stringify({ transaction }), { callbackKey })).toBe(true);
    expect(isRefusedWith(JSON.stringify({ transaction, hash: 'x' }), {})).toBe(false);
    expect(isRefusedWith(JSON.stringify({ transaction }), {})).toBe(false);
  });
});

test('the market and the account’s currency go along with every request', () => {
  const settings = provider.settings.parse({ ...airtelMoneyFixtures.settings, country: 'ug' });
  expect(provider.headers?.(settings, 'UGX')).toEqual({ 'x-country': 'UG', 'x-currency': 'UGX' });
});

test.each([
  ['UGX', 'paid', null],
  [undefined, 'paid', null],
  ['ISK', 'unresolved', 'currency-mismatch'],
])('classify takes the account for one in %s', (currency, verdict, reason) => {
  const order = { amount: '5000', reference: '8334msn88', ...(currency && { currency }) };
  const input = {
    kind: 'status',
    httpStatus: 200,
    headers: {},
    body: airtelMoneyFixtures.paid,
    order,
  } as const;
  expect(classify(provider, input, undefined)).toMatchObject({ verdict, reason, amountReceived: null });
});
