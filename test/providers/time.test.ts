import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isoTime, nairobiStamp, nairobiTime } from '../../src/providers/time.ts';
import { growthOf, mostGrowth } from '../support/growth.ts';

describe('nairobiTime: stamps without a zone are three hours ahead of UTC', () => {
  test.each([
    ['2024-08-09 16:22:50.197', Date.UTC(2024, 7, 9, 13, 22, 50, 197)],
    ['2024-08-09 16:22:50', Date.UTC(2024, 7, 9, 13, 22, 50)],
    ['2024-08-09T16:22:50', Date.UTC(2024, 7, 9, 13, 22, 50)],
    ['20170727101415', Date.UTC(2017, 6, 27, 7, 14, 15)],
    [20170727101415, Date.UTC(2017, 6, 27, 7, 14, 15)],
    ['2024-01-01 01:00:00', Date.UTC(2023, 11, 31, 22)],
  ])('%j', (stamp, at) => {
    expect(nairobiTime(stamp)).toBe(at);
  });

  test('the two stamps of one documented order agree only in this zone', () => {
    const createdOn = 1723209757300;
    expect(Math.abs((nairobiTime('2024-08-09 16:22:37.907') ?? 0) - createdOn)).toBeLessThan(1_000);
  });

  test.each<unknown>([
    '',
    'x',
    '2024-08-09',
    '2024-08-09 16:22:50Z',
    '2024-13-09 16:22:50',
    '2024-08-09 25:22:50',
    ' 2024-08-09 16:22:50',
    null,
    undefined,
    true,
    {},
    { toString: null, valueOf: 1 },
    Number.NaN,
    1e300,
  ])('%o is none', (stamp) => {
    expect(nairobiTime(stamp)).toBeNull();
  });
});

describe('isoTime: stamps that name their zone', () => {
  test.each([
    ['2025-09-05T13:36:08.488Z', Date.UTC(2025, 8, 5, 13, 36, 8, 488)],
    ['2025-09-05T13:36:08Z', Date.UTC(2025, 8, 5, 13, 36, 8)],
    ['2025-09-05T16:36:08+03:00', Date.UTC(2025, 8, 5, 13, 36, 8)],
    ['2025-09-05T14:36:08+0100', Date.UTC(2025, 8, 5, 13, 36, 8)],
  ])('%j', (stamp, at) => {
    expect(isoTime(stamp)).toBe(at);
  });

  test.each<unknown>([
    '',
    '2025-09-05T13:36:08',
    '2025-09-05',
    'TZ',
    'Tue, 05 Sep 2025 13:36:08 Z',
    1757079368488,
    null,
    {},
  ])('%o is none', (stamp) => {
    expect(isoTime(stamp)).toBeNull();
  });
});

test('neither throws nor dawdles, whatever it is given', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string()), (stamp) => {
      for (const at of [nairobiTime(stamp), isoTime(stamp)])
        expect(at === null || Number.isFinite(at)).toBe(true);
    }),
  );
  for (const start of ['T', '2024-08-09T1', '2']) {
    const long = (length: number) => start.padEnd(length, start.at(-1));
    expect([nairobiTime(long(500_000)), isoTime(long(500_000))]).toEqual([null, null]);
    for (const parse of [nairobiTime, isoTime]) expect(growthOf(parse, long)).toBeLessThan(mostGrowth);
  }
});

test('nairobiStamp is what Daraja wants, and nairobiTime reads it back', () => {
  expect(nairobiStamp(Date.UTC(2024, 7, 9, 13, 22, 50, 999))).toBe('20240809162250');
  expect(nairobiStamp(Date.UTC(2023, 11, 31, 21))).toBe('20240101000000');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
      expect(nairobiTime(nairobiStamp(seconds * 1000))).toBe(seconds * 1000);
    }),
  );
});
