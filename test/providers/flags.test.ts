import { expect, test } from 'vitest';
import { lacksYes, saysNo, saysYes } from '../../src/providers/flags.ts';

const said = (flags: readonly unknown[]) => flags.map((flag) => [saysNo(flag), saysYes(flag)]);

test('a flag says no in every spelling', () => {
  const all = [false, 'false', 'False', ' FALSE ', 0, '0', '0.0', -0, 'no', 'N', 'off', 'error', 'Failed'];
  expect(said(all)).toEqual(all.map(() => [true, false]));
});

test('a flag says yes in every spelling', () => {
  const all = [true, 'true', 'TRUE ', 1, '1', 'yes', 'Y', 'ok', 'success'];
  expect(said(all)).toEqual(all.map(() => [false, true]));
});

test('what is no flag says nothing', () => {
  const all = [null, undefined, '', ' ', 'maybe', 2, '200', Number.NaN, {}, [], [0], ['false']];
  expect(said(all)).toEqual(all.map(() => [false, false]));
});

test('whatever is given and is no yes lacks it', () => {
  const given = ['rejected', 'declined', 'NOK', 'unpaid', -1, 2, '200', false, 0, {}, [], ['true']];
  expect(given.map(lacksYes)).toEqual(given.map(() => true));
  expect([true, 'OK', 1, 'success', null, undefined, '', ' '].map(lacksYes)).toEqual(Array(8).fill(false));
});
