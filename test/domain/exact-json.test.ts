import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExactly } from '../../src/domain/exact-json.ts';
import { toMinor } from '../../src/domain/money.ts';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { fixturesOf } from '../providers/fixtures/index.ts';
import { growthOf, mostGrowth } from '../support/growth.ts';
import { changed } from '../support/provider-contract.ts';
import { type ProviderFixtures, sampleNow } from '../support/provider-fixtures.ts';

describe('a number in JSON', () => {
  test.each(['99.99999999999999999', '100.00000000000000001', '9007199254740993', '1e400', '-1e-400'])(
    'that no number can hold is no number: %s',
    (written) => {
      const rounded: string[] = [];
      const value = parseExactly(`{"amount":${written}}`, (key) => rounded.push(key));
      expect([value, rounded]).toEqual([{ amount: Number.NaN }, ['amount']]);
      expect(toMinor(written)).toBeNull();
    },
  );

  test.each(['100', '100.00', '0.10', '1.005', '1e2', '1E+2', '100.0000000000000000000', '0', '-0', '0.0e5'])(
    'that can be held is that number: %s',
    (written) => expect(parseExactly(`[${written}]`)).toEqual([Number(written)]),
  );

  test('as any program writes it is the number itself, and digits in texts are left alone', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string(), (number, text) => {
        const value = { number, text, id: '12345678901234567890' };
        expect(parseExactly(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('does not take long to be looked at', () => {
    const make = (length: number) => {
      const digits = `1${'0'.repeat(length / 2)}1`;
      return `[${digits}.${digits}]`;
    };
    expect(parseExactly(make(800_000))).toEqual([Number.NaN]);
    expect(growthOf(parseExactly, make)).toBeLessThan(mostGrowth);
  });
});

test.each([
  ['jenga', 'data.order.amountPaid'],
  ['vexora', 'data.amount'],
  ['lipia', 'data.response.Amount'],
  ['tanda', 'result.amount'],
])('%s: an amount that is less by a hair does not become enough', (id, path) => {
  const provider = providers.get(id) as Provider;
  const fixtures = fixturesOf.get(id) as ProviderFixtures;
  const text = JSON.stringify(changed(fixtures.paid, path, 'AMOUNT')).replace(
    '"AMOUNT"',
    '99.99999999999999999',
  );
  const answer = { httpStatus: 200, headers: {}, body: Buffer.from(text) };
  const expected = { reference: null, amountMinor: 10_000, currency: null };
  const settings = provider.settings.parse(fixtures.settings);
  expect(readAnswer(provider, answer, expected, { at: sampleNow, source: 'poll', settings })).toMatchObject({
    ...{ kind: 'paid', doubt: 'amount-unknown', amountReceivedMinor: null },
  });
});
