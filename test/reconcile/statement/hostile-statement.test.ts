import { describe, expect, test } from 'vitest';
import { createZone } from '../../../src/domain/zone.ts';
import { readMapping } from '../../../src/reconcile/statement/mapping.ts';
import { readStatement } from '../../../src/reconcile/statement/read-statement.ts';
import { fileOf, mpesaRow, mpesaStatement } from '../support.ts';

async function read(content: string | Uint8Array, zone = 'Africa/Nairobi') {
  const options = { format: null, dateOrder: null, currency: 'KES', zone: createZone(zone) };
  const statement = await readStatement(fileOf(content), options);
  const all = Array.from({ length: statement.rows.size }, (_, nth) => statement.rows.row(nth));
  // Rows without an amount only name payments of which nothing can be said.
  const rows = all.filter(({ amountMinor }) => amountMinor > 0);
  return { ...statement, rows };
}

const row = (nth: number, more: object = {}) =>
  mpesaRow({ receipt: `SIM000000${nth}`, amount: '100.00', account: `ord-${nth}`, ...more });

describe('line ends', () => {
  const [header = '', ...rows] = mpesaStatement(row(1), row(2), row(3)).trimEnd().split('\n');
  test.each([
    ['after the header as on Windows, then as on Linux', `${header}\r\n${rows.join('\n')}\n`],
    ['as on Linux, then as on Windows', `${header}\n${rows.join('\r\n')}\r\n`],
    ['of old Macs', `${header}\r${rows.join('\r')}\r`],
    ['none after the last row', `${header}\r\n${rows.join('\r\n')}`],
  ])('%s', async (_name, text) => {
    const { rows: found, others } = await read(text);
    expect(found.map(({ line, reference }) => [line, reference])).toEqual([
      [2, 'ord-1'],
      [3, 'ord-2'],
      [4, 'ord-3'],
    ]);
    expect(others).toBe(0);
  });

  test('UTF-16 that is cut off within a character', async () => {
    const bytes = Buffer.from(`\ufeff${mpesaStatement(row(1))}`, 'utf16le');
    const { rows: found } = await read(bytes.subarray(0, -1));
    expect(found.map(({ receipt }) => receipt)).toEqual(['SIM0000001']);
  });
});

describe('size', () => {
  const megabytes = (count: number) => 'x'.repeat(count << 20);

  test('a file without any line end is refused', async () => {
    await expect(read(megabytes(8))).rejects.toThrow('no known format');
  });

  test.each([
    ['without quotation marks', megabytes(8)],
    ['within quotation marks', `"${megabytes(8)}"`],
    ['of separators only', ','.repeat(8 << 20)],
  ])('a line of megabytes is refused: %s', async (_name, line) => {
    await expect(read(`${mpesaStatement(row(1))}${line}\n${row(2)}\n`)).rejects.toThrow(
      'is longer than 65536 characters',
    );
  });

  test('a cell of 60,000 characters names nobody, and slows nothing down', async () => {
    const { rows, faults } = await read(
      mpesaStatement(
        row(1, { account: '9'.repeat(60_000) }),
        row(2, { amount: `${'9,'.repeat(30_000)}9` }),
        row(3, { receipt: 'A'.repeat(60_000) }),
        row(4, { time: ' '.repeat(30_000) }),
      ),
    );
    expect(rows.map(({ line, reference }) => [line, reference])).toEqual([
      [2, ''],
      [4, 'ord-3'],
    ]);
    expect(faults.map(({ line, fault }) => [line, fault])).toEqual([[3, 'the amount cannot be read']]);
  });
});

describe('amounts', () => {
  const mapping = readMapping(fileOf('{"columns":{"receipt":"Code","time":"Time","amount":"Sum"}}', 'json'));
  /** Minor units as a signed number, or the fault. */
  async function amountOf(cell: string) {
    const text = `Code,Time,Sum\nA000000001,2026-01-15 12:00:08,"${cell.replaceAll('"', '""')}"\n`;
    const options = { format: mapping, dateOrder: null, currency: 'KES', zone: createZone('UTC') };
    const { rows, faults, others } = await readStatement(fileOf(text), options);
    if (faults[0] !== undefined) return faults[0].fault;
    if (rows.size === 0) return others;
    const { kind, amountMinor, currency } = rows.row(0);
    return `${kind === 'payment' ? '' : '-'}${amountMinor} ${currency}`;
  }

  test.each([
    ['1,234.50', '123450 KES'],
    ['12,34,567.00', '123456700 KES'],
    ['1 234.50', '123450 KES'],
    ["1'234.50", '123450 KES'],
    ['(1,234.50)', '-123450 KES'],
    ['-1,234.50', '-123450 KES'],
    ['1,234.50-', '-123450 KES'],
    ['1,234.50 DR', '-123450 KES'],
    ['1,234.50CR', '123450 KES'],
    ['Ksh 1,234.50', '123450 KES'],
    ['KES 1,234.50', '123450 KES'],
    ['100.0000', '10000 KES'],
  ])('%s is %s', async (cell, expected) => {
    expect(await amountOf(cell)).toBe(expected);
  });

  test.each([
    ...['1.500', '1,0000', '1,23,4', '1.2.3', '--5', '((5))', '1e3', '1.2E+05', '0x10', '####', 'NaN'],
    ...[
      '=1+1',
      '=SUM(A1:A9)',
      '@100',
      '+',
      '１００',
      '٣٠٠',
      '100 200.5x',
      '1\u200b00',
      'Infinity',
      '99999999999999',
    ],
  ])('%j is no amount', async (cell) => {
    expect(await amountOf(cell)).toBe('the amount cannot be read');
  });

  test.each(['USD 100.00', '100.00 UGX', 'TSH 100'])(
    '%s is no amount in shillings of Kenya',
    async (cell) => {
      expect(await amountOf(cell)).toMatch(/^the amount is in [A-Z]{3}, and the row in KES$/);
    },
  );
});

describe('days on which clocks change', () => {
  const at = async (zone: string, time: string) =>
    new Date((await read(mpesaStatement(row(1, { time })), zone)).rows[0]?.at ?? 0).toISOString();

  test('a time that was skipped, or came twice, is read as one within the hour', async () => {
    expect(['2026-04-23T21:30:00.000Z', '2026-04-23T22:30:00.000Z']).toContain(
      await at('Africa/Cairo', '2026-04-24 00:30:00'),
    );
    expect(['2026-10-25T00:30:00.000Z', '2026-10-25T01:30:00.000Z']).toContain(
      await at('Europe/London', '2026-10-25 01:30:00'),
    );
  });

  test('times before and after are exact', async () => {
    expect(await at('Europe/London', '2026-03-29 00:59:59')).toBe('2026-03-29T00:59:59.000Z');
    expect(await at('Europe/London', '2026-03-29 02:00:00')).toBe('2026-03-29T01:00:00.000Z');
    expect(await at('Africa/Cairo', '2026-04-23 23:59:59')).toBe('2026-04-23T21:59:59.000Z');
    expect(await at('Africa/Cairo', '2026-04-24 01:00:00')).toBe('2026-04-23T22:00:00.000Z');
  });
});

describe('what is put together', () => {
  const text = mpesaStatement(row(1));

  test('two exports with the same header', async () => {
    const { rows, others } = await read(`${text}${mpesaStatement(row(2))}`);
    expect([rows.map(({ reference }) => reference), others]).toEqual([['ord-1', 'ord-2'], 1]);
  });

  test('a second header with other columns is refused: its rows would be read wrongly', async () => {
    const swapped = mpesaStatement(row(2)).replace('Paid In,Withdrawn', 'Withdrawn,Paid In');
    await expect(read(`${text}${swapped}`)).rejects.toThrow('Line 3 of the statement is a second header');
  });

  test('a pipe is refused, because a statement is read twice', async () => {
    const options = { format: null, dateOrder: null, currency: 'KES', zone: createZone('UTC') };
    await expect(readStatement('/dev/null', options)).rejects.toThrow('no regular file');
  });
});

test('control characters and NULs settle nothing and stop nothing', async () => {
  const { rows } = await read(
    mpesaStatement(row(1, { account: 'ord\u0000-1' }), row(2, { account: '\u202eord-2' })),
  );
  expect(rows.map(({ reference }) => reference)).toEqual(['ord\u0000-1', '\u202eord-2']);
});
