import { expect, test } from 'vitest';
import { csvLine } from '../../src/commands/csv-line.ts';

test.each([
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ['', ''],
  ['=1+1', `'=1+1`],
  ['+254700000000', `'+254700000000`],
  ['-1', `'-1`],
  ['@SUM(A1)', `'@SUM(A1)`],
  ['\t=1+1', `' =1+1`],
  ['\r\n=1+1', `'  =1+1`],
  ['  =1+1', `'  =1+1`],
  ['"=1+1', `"'""=1+1"`],
  ["'=1+1", `''=1+1`],
  ['\uFF1D1+1', `'\uFF1D1+1`],
  ['two\nlines\u0000\u0085\u2028end', 'two lines   end'],
  ['half \uD800.', 'half \uFFFD.'],
  ['1-2', '1-2'],
  ['M-Pesa', 'M-Pesa'],
  ['100%', '100%'],
])('%j', (text, cell) => {
  expect(csvLine([text, 'x'])).toBe(`${cell},x\r\n`);
});
