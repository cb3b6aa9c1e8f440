import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createZone } from '../../../src/domain/zone.ts';
import { readMapping } from '../../../src/reconcile/statement/mapping.ts';
import { readStatement, type StatementOptions } from '../../../src/reconcile/statement/read-statement.ts';

const folder = mkdtempSync(join(tmpdir(), 'payment-poller-statements-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileOf(content: string | Uint8Array, extension = 'csv'): string {
  files += 1;
  const path = join(folder, `${files}.${extension}`);
  writeFileSync(path, content);
  return path;
}

async function read(content: string | Uint8Array, more: Partial<StatementOptions> = {}) {
  const options = {
    format: null,
    dateOrder: null,
    currency: 'KES',
    zone: createZone('Africa/Nairobi'),
    ...more,
  };
  const statement = await readStatement(fileOf(content), options);
  const all = Array.from({ length: statement.rows.size }, (_, nth) => statement.rows.row(nth));
  // Rows without an amount only name payments of which nothing can be said.
  const rows = all.filter(({ amountMinor }) => amountMinor > 0);
  return { ...statement, rows };
}

const header =
  'Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No.';
const mpesaRow = (more: { [column: string]: string } = {}) => {
  const cells = {
    receipt: 'SIM0000001',
    time: '2026-01-15 12:00:08',
    details: 'Pay Bill from 254712***678 - JOHN DOE Acc. ord-1',
    status: 'Completed',
    paidIn: '"1,000.50"',
    withdrawn: '',
    type: 'Pay Bill Online',
    linked: '',
    account: 'ord-1',
    ...more,
  };
  const { receipt, time, details, status, paidIn, withdrawn, type, linked, account } = cells;
  return `${receipt},${time},${time},${details},${status},${paidIn},${withdrawn},"12,345.00",true,${type},254712***678 - JOHN DOE,${linked},${account}`;
};
const mpesa = (...rows: string[]) => `${[header, ...rows].join('\r\n')}\r\n`;

describe('an M-Pesa statement', () => {
  test('with a preamble and totals: the rows below the header, in Kenyan time', async () => {
    const text = `Organization:,Shop Ltd\nShort Code:,600997\n\n${mpesa(mpesaRow())}\nTotal,,,,,"1,000.50",,\n`;
    const { rows, others, faults, format, period } = await read(text);
    expect(format.id).toBe('mpesa');
    expect(rows).toEqual([
      {
        ...{ line: 5, kind: 'payment', at: Date.UTC(2026, 0, 15, 9, 0, 8), amountMinor: 100_050 },
        ...{ currency: 'KES', receipt: 'SIM0000001', isReceiptLoose: false, isLinked: false },
        reference: 'ord-1',
      },
    ]);
    expect({ others, faults }).toEqual({ others: 2, faults: [] });
    expect(period).toEqual({ from: Date.UTC(2026, 0, 15, 9, 0, 8), to: Date.UTC(2026, 0, 15, 9, 0, 8) });
  });

  test('reversals name the payment that they take back; charges and failed attempts are passed over', async () => {
    const reversal = {
      receipt: 'SIM0000009',
      paidIn: '',
      withdrawn: '-1000.50',
      type: 'Organization Reversal',
    };
    const { rows, others } = await read(
      mpesa(
        mpesaRow(),
        mpesaRow({ ...reversal, linked: 'sim0000001', details: 'Reversal of SIM0000001' }),
        mpesaRow({ paidIn: '', withdrawn: '"-5.00"', type: 'Pay merchant Charge', details: 'Charge' }),
        mpesaRow({ receipt: 'SIM0000002', status: 'Declined' }),
        mpesaRow({ receipt: 'SIM0000003', type: 'Reversal of a payout' }),
      ),
    );
    expect(rows.map(({ kind, receipt, amountMinor }) => [kind, receipt, amountMinor])).toEqual([
      ['payment', 'SIM0000001', 100_050],
      ['reversal', 'SIM0000001', 100_050],
    ]);
    expect(others).toBe(3);
  });

  test('what a spreadsheet has damaged is a fault, and no row', async () => {
    const { rows, faults } = await read(
      mpesa(
        mpesaRow({ receipt: '2.54712E+11' }),
        mpesaRow({ paidIn: '####' }),
        mpesaRow({ paidIn: '1.2E+05' }),
        mpesaRow({ paidIn: '12.345' }),
        mpesaRow({ time: '31/02/2026 10:00' }),
        mpesaRow({ account: 'ORD-10…' }),
      ),
    );
    expect(faults.map(({ line, fault }) => `${line} ${fault}`)).toEqual([
      '2 the receipt was cut short or changed by a spreadsheet',
      '3 the amount cannot be read',
      '4 the amount cannot be read',
      '5 the amount cannot be read',
      '6 the date cannot be read',
    ]);
    expect(rows.map(({ reference }) => reference)).toEqual(['']);
  });

  test.each(['SIM****001', 'SIMXXXXX01'])('a masked receipt is a fault, and no row: %s', async (receipt) => {
    const { rows, faults } = await read(mpesa(mpesaRow({ receipt })));
    expect(rows).toEqual([]);
    expect(faults.map(({ line }) => line)).toEqual([2]);
  });

  test('a cell with quotation marks, a separator and a line break', async () => {
    const details = '"Pay Bill from JOHN ""JJ"" DOE,\nNairobi"';
    const { rows } = await read(mpesa(mpesaRow({ details }), mpesaRow({ receipt: 'SIM0000002' })));
    expect(rows.map(({ line, receipt }) => [line, receipt])).toEqual([
      [2, 'SIM0000001'],
      [3, 'SIM0000002'],
    ]);
  });

  test.each([
    ['UTF-8 with a mark', (text: string) => Buffer.from(`\ufeff${text}`, 'utf8')],
    ['UTF-16 with a mark', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16 without a mark', (text: string) => Buffer.from(text, 'utf16le')],
    ['UTF-16 big endian', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['Latin-1', (text: string) => Buffer.from(text, 'latin1')],
  ])('%s', async (_name, encode) => {
    const { rows } = await read(encode(mpesa(mpesaRow({ details: 'Café Zoë', account: 'ordé-1' }))));
    expect(rows.map(({ reference }) => reference)).toEqual(['ordé-1']);
  });

  test.each([';', '\t', '|'])('separated by %j', async (separator) => {
    const row = mpesaRow({ paidIn: '1000.50' }).replace('"12,345.00"', '12345.00');
    const { rows } = await read(mpesa(row).replaceAll(',', separator));
    expect(rows.map(({ amountMinor }) => amountMinor)).toEqual([100_050]);
  });
});

describe('the order of day and month', () => {
  const on = (...dates: string[]) =>
    mpesa(...dates.map((time, nth) => mpesaRow({ time, receipt: `SIM000000${nth}` })));
  const days = (rows: readonly { at: number }[]) =>
    rows.map(({ at }) => new Date(at).toISOString().slice(0, 10));

  test('one date that can only be read one way decides for the file', async () => {
    expect(days((await read(on('03/04/2026 10:00', '13/04/2026 10:00'))).rows)).toEqual([
      '2026-04-03',
      '2026-04-13',
    ]);
    expect(days((await read(on('03/04/2026 10:00', '04/13/2026 10:00'))).rows)).toEqual([
      '2026-03-04',
      '2026-04-13',
    ]);
  });

  test('none decides: refused rather than guessed, unless given', async () => {
    const text = on('03/04/2026 10:00', '05/06/2026 10:00');
    await expect(read(text)).rejects.toThrow('--date-order');
    expect(days((await read(text, { dateOrder: 'month-first' })).rows)).toEqual(['2026-03-04', '2026-05-06']);
  });

  test('both are shown, or another than was given: refused', async () => {
    await expect(read(on('13/04/2026 10:00', '04/13/2026 10:00'))).rejects.toThrow(
      'Line 2 of the statement has the day first and line 3 the month',
    );
    await expect(read(on('13/04/2026 10:00'), { dateOrder: 'month-first' })).rejects.toThrow(
      'not month-first',
    );
  });

  test('the same day and month, names of months, and dates with the year first are clear', async () => {
    const { rows } = await read(
      on('04/04/2026 10:00', '5-Apr-2026 1:05 PM', '2026-04-06T10:00:00Z', '20260407103000'),
    );
    expect(rows.map(({ at }) => new Date(at).toISOString())).toEqual([
      '2026-04-04T07:00:00.000Z',
      '2026-04-05T10:05:00.000Z',
      '2026-04-06T10:00:00.000Z',
      '2026-04-07T07:30:00.000Z',
    ]);
  });
});

describe('an Equity statement', () => {
  const text = (...rows: string[]) =>
    `Account statement\nAccount:,0011547896523\n\nTransaction Date,Value Date,Narrative,Transaction Reference,Debit,Credit,Running Balance\n${rows.join('\n')}\n`;

  test('a receipt in the narrative is shown, and loose', async () => {
    const { rows, format } = await read(
      text(
        '15-01-2026,15-01-2026,MPS 254712345678 SIM0000001 JOHN,S1234567,,"1,000.00","5,000.00"',
        '15-01-2026,15-01-2026,CHARGE,S1234567,5.00,,"4,995.00"',
        '15-01-2026,15-01-2026,EQUITEL,OR28922980077,,200.00,"5,195.00"',
      ),
    );
    expect(format.id).toBe('equity');
    expect(
      rows.map(({ kind, receipt, isReceiptLoose, reference }) => [kind, receipt, isReceiptLoose, reference]),
    ).toEqual([
      ['payment', 'SIM0000001', true, 'S1234567'],
      ['negative', 'S1234567', false, 'S1234567'],
      ['payment', 'OR28922980077', false, 'OR28922980077'],
    ]);
  });
});

describe('a mapped statement', () => {
  const mapping = (more: object = {}) =>
    readMapping(
      fileOf(
        JSON.stringify({
          columns: { receipt: 'Code', time: 'When', reference: 'Account', amount: 'Sum', currency: 'Cur' },
          dateOrder: 'day-first',
          ...more,
        }),
        'json',
      ),
    );
  const text = (...rows: string[]) => `When;Code;Account;Sum;Cur\n${rows.join('\n')}\n`;

  test('decimal commas, brackets, signs and currencies', async () => {
    const { rows } = await read(
      text(
        '3.4.2026 10:00;A1;x;1.234,50;KES',
        '3.4.2026 10:00;A1;x;(1.234,50);Ksh',
        '3.4.2026 10:00;A2;x;UGX 7.000;UGX',
        '3.4.2026 10:00;A3;x;-0,50;KES',
      ),
      { format: mapping() },
    );
    expect(rows.map(({ kind, amountMinor, currency }) => [kind, amountMinor, currency])).toEqual([
      ['payment', 123_450, 'KES'],
      ['negative', 123_450, 'KES'],
      ['payment', 700_000, 'UGX'],
      ['negative', 50, 'KES'],
    ]);
  });

  test('both decimal signs in one file are refused', async () => {
    const both = text('3.4.2026 10:00;A1;x;1.234,50;KES', '3.4.2026 10:00;A2;x;1,234.50;KES');
    await expect(read(both, { format: mapping() })).rejects.toThrow('decimalSign');
  });

  test('a column that is missing, or there twice', async () => {
    await expect(read('When;Code\n', { format: mapping() })).rejects.toThrow('mapping file names');
    await expect(read('When;Code;Account;Sum;Cur;Code\n', { format: mapping() })).rejects.toThrow('"Code"');
  });

  test('faults of the mapping are listed', () => {
    expect(() => readMapping(fileOf('{"columns":{"time":"t"},"timeZone":"Mars"}', 'json'))).toThrow(
      /IANA time zone.*paidIn.*receipt or reference/s,
    );
  });
});

describe('what is no statement', () => {
  test.each([
    ['nothing', '', 'empty'],
    ['a workbook', Buffer.from('PK\u0003\u0004more'), 'Excel workbook'],
    ['a PDF', '%PDF-1.7', 'a PDF'],
    ['other columns', 'a,b\n1,2\n', 'no known format'],
    [
      'a quotation mark that is never closed',
      mpesa(mpesaRow({ details: '"open' }), 'x'.repeat(70_000)),
      'closed',
    ],
  ])('%s', async (_name, content, message) => {
    await expect(read(content)).rejects.toThrow(message);
  });

  test('a file that is not there', async () => {
    const zone = createZone('UTC');
    const options = { format: null, dateOrder: null, currency: null, zone };
    await expect(readStatement(join(folder, 'none.csv'), options)).rejects.toThrow('Cannot read');
  });
});
