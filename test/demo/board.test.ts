import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { type Line, openLines } from '../../src/demo/board.ts';
import type { Sample } from '../../src/demo/samples.ts';

const sample = { provider: 'daraja-stk', story: 'the provider is down for a while' } as Sample;
const lines = Array.from({ length: 58 }, (): Line => {
  return { sample, polls: 12, lastReading: 'waiting for its first poll', verdict: null };
});

// What is redrawn in place must fit: a cursor goes up no further than the top of the screen.
test.each([
  [24, 80],
  [20, 60],
  [50, 200],
])('the orders that still live fit a screen of %i by %i', (rows, columns) => {
  const shown = openLines(lines, { rows, columns }).map(stripVTControlCharacters);
  expect(shown.length).toBeLessThan(rows);
  for (const line of shown) expect(line.length).toBeLessThan(columns);
  expect(shown.at(-1)).toBe(`  and ${lines.length - (rows - 4)} more`);
});

test('on a tall screen all are shown', () => {
  expect(openLines(lines, { rows: 100, columns: 80 })).toHaveLength(58);
  expect(openLines([], { rows: 24, columns: 80 })).toEqual([]);
});
