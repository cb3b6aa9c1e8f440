/** Figures are told as they are, and docs/performance.md shows those of bench/results and no others. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { filled, readResults } from '../page.ts';
import { median, number, quantile, spread, toMarkdown, toText } from '../report.ts';

test('medians, quantiles and spreads', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(3);
  expect(quantile([1, 2, 3, 4], 1)).toBe(4);
  expect(spread([1_200, 1_000, 1_400])).toBe('1,200 (1,000–1,400)');
  expect(spread([0.25], 2)).toBe('0.25');
  expect(spread([])).toBe('–');
  expect(number(Number.NaN)).toBe('–');
});

test('a table, for a terminal and for a page', () => {
  const table = {
    caption: 'Figures.',
    columns: ['', 'polls/s'],
    rows: [
      ['one', '1'],
      ['another', '1,000'],
    ],
  };
  expect(toText(table)).toBe('Figures.\n\n         polls/s\none            1\nanother    1,000');
  expect(toMarkdown(table)).toBe('Figures.\n\n|  | polls/s |\n|---|---:|\n| one | 1 |\n| another | 1,000 |');
});

const page = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8');

test('the page shows the figures that are kept', () => {
  expect(filled(page, readResults())).toBe(page);
});

test('a place without figures says how to get them', () => {
  const text = 'Before.\n\n<!-- bench:none -->\n\nold\n\n<!-- /bench -->\n\nAfter.';
  expect(filled(text, [])).toBe(
    'Before.\n\n<!-- bench:none -->\n\nNot measured yet: `npm run bench -- none`.\n\n<!-- /bench -->\n\nAfter.',
  );
});
