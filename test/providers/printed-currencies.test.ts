import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import { printedCurrencies } from '../../src/providers/printed-currencies.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { bytes } from '../support/provider-contract.ts';
import { sampleNow } from '../support/provider-fixtures.ts';
import { fixturesOf } from './fixtures/index.ts';

const keys = [
  ...['currency', 'CURRENCY', 'currency_code', 'currency-code', 'ccy', 'amountCurrency', 'AmountCurrency'],
  ...['currencyISO', 'invoiceCurrency', 'Currency '],
];

describe.each([...fixturesOf])(
  '%s: a currency that no page says is printed',
  (id, { paid, order, settings }) => {
    const provider = providers.get(id) as Provider;
    const read = (fields: object) => {
      const body = bytes({ ...paid, ...fields });
      return readAnswer(provider, { httpStatus: 200, headers: {}, body }, order, {
        ...{ at: sampleNow, source: 'poll', settings: provider.settings.parse(settings) },
      });
    };

    test.each(keys)('as %j', (key) => {
      expect(read({ [key]: 'SYP' })).toMatchObject({ kind: 'paid', doubt: 'currency-mismatch' });
      expect(read({ extra: [{ [key]: 'syp ' }] })).toMatchObject({ doubt: 'currency-mismatch' });
      expect(read({ [key]: order.currency.toLowerCase() })).toMatchObject({ kind: 'paid', doubt: null });
    });

    test('texts that are no currency, and what merchants add, change nothing', () => {
      const fields = { extra: { currencySymbol: 'KSh', currency_name: 'Bob', currencyCode: '' } };
      expect(read({ ...fields, metadata: { currency: 'SYP' } })).toMatchObject({ kind: 'paid', doubt: null });
    });
  },
);

test('deep answers are walked to their end', () => {
  let body: object = { currency: { code: 'SYP' } };
  for (let depth = 0; depth < 50_000; depth++) body = [body];
  expect(printedCurrencies(body)).toEqual(['SYP']);
});
