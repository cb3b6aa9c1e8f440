import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toMajor, toMinor } from '../../src/domain/money.ts';
import { growthOf, mostGrowth } from '../support/growth.ts';

describe('toMinor', () => {
  test.each([
    [0, 0],
    ['0', 0],
    [3, 300],
    [1.0, 100],
    [2.5, 250],
    [19.99, 1999],
    ['300', 30_000],
    ['1.0', 100],
    ['1.00', 100],
    ['3.0000', 300],
    ['3.1000000', 310],
    ['007', 700],
    ['0.01', 1],
    ['90071992547409.91', Number.MAX_SAFE_INTEGER],
  ])('%j is %i', (amount, minor) => {
    expect(toMinor(amount)).toBe(minor);
  });

  test.each([
    '',
    ' ',
    ' 1',
    '1 ',
    '1\n',
    '-1',
    '+1',
    '1e3',
    '1E3',
    '0x10',
    '1,000.00',
    '1.005',
    '0.001',
    '.5',
    '5.',
    '1.2.3',
    'KES 5',
    '٣',
    '１',
    'NaN',
    'Infinity',
    '90071992547409.92',
    '9'.repeat(16),
    -1,
    -0.01,
    0.1 + 0.2,
    1e21,
    1e-7,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.MAX_SAFE_INTEGER,
    null,
    undefined,
    true,
    {},
    { toString: () => '5' },
    5n,
    Symbol('5'),
  ])('%o is no amount', (amount) => {
    expect(toMinor(amount)).toBeNull();
  });

  test.each([[[]], [[5]], [['5']]])('a list is no amount', (amount) => {
    expect(toMinor(amount)).toBeNull();
  });

  test('never throws, and gives nothing but safe whole numbers', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string(), fc.double(), fc.integer()), (amount) => {
        const minor = toMinor(amount);
        expect(minor === null || (Number.isSafeInteger(minor) && minor >= 0)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('what toMajor prints, toMinor reads back, idle decimals or not', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(20), (minor, zeros) => {
        expect(toMinor(toMajor(minor) + '0'.repeat(zeros))).toBe(minor);
      }),
    );
  });

  test('a larger amount is never read as a smaller one', () => {
    const amount = fc.nat(10_000_000);
    fc.assert(
      fc.property(amount, amount, (a, b) => {
        const [first, second] = [toMinor(a / 100), toMinor(b / 100)];
        expect(Math.sign((first ?? 0) - (second ?? 0))).toBe(Math.sign(a - b));
      }),
    );
  });

  test('a long text is read quickly', () => {
    const zeros = (length: number) => `1.${'0'.repeat(length)}`;
    const ones = (length: number) => '1'.repeat(length);
    expect(toMinor(zeros(1_000_000))).toBe(100);
    expect(toMinor(`${zeros(1_000_000)}x`)).toBeNull();
    expect(toMinor(ones(1_000_000))).toBeNull();
    for (const make of [zeros, ones, (length: number) => `${zeros(length)}x`])
      expect(growthOf(toMinor, make)).toBeLessThan(mostGrowth);
  });
});

test.each([
  [0, '0.00'],
  [1, '0.01'],
  [10, '0.10'],
  [200, '2.00'],
  [Number.MAX_SAFE_INTEGER, '90071992547409.91'],
])('toMajor(%i) is %s', (minor, major) => {
  expect(toMajor(minor)).toBe(major);
});
