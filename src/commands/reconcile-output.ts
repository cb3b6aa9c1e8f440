import { toMajor } from '../domain/money.ts';
import { type Finding, findings, type ReconciliationLine } from '../reconcile/reconciliation-line.ts';
import type { FaultyLine, Statement } from '../reconcile/statement/read-statement.ts';
import type { Count, Counts, Totals } from '../reconcile/totals.ts';
import type { CommandContext } from './command-context.ts';
import { csvLine } from './csv-line.ts';
import { columnsOf, printable, write } from './screen.ts';

/** Prints a reconciliation, line by line and then its totals. */
export interface ReconciliationOutput {
  line(line: ReconciliationLine): Promise<void>;
  faulty(line: FaultyLine): Promise<void>;
  end(statement: Statement, totals: Totals, isApplied: boolean): Promise<void>;
}

/** What the findings are called in tables. */
const titles: { readonly [finding in Finding]: string } = {
  agrees: 'agrees',
  settled: 'settled by the statement',
  paid: 'paid by the statement',
  'other-amount': 'other amount',
  reversed: 'reversed',
  unclear: 'unclear',
  possible: 'possible payment',
  'only-ours': 'only in our records',
  'unknown-to-us': 'unknown to us',
  unreadable: 'line that cannot be read',
  'no-row': 'no payment, no row',
};

const fields = [
  ...['finding', 'day', 'orderId', 'status', 'reason', 'expected', 'received', 'currency', 'matchedBy'],
  ...['statementRow', 'bookedAt', 'statementAmount', 'statementCurrency', 'receipt', 'reference', 'note'],
] as const;
type Flat = { readonly [field in (typeof fields)[number]]: string | null } & { readonly finding: Finding };

function flat({ finding, day, orderId, ours, by, rows, netMinor, note }: ReconciliationLine): Flat {
  const [row] = rows;
  return {
    ...{ finding, day, orderId, note, matchedBy: by },
    status: ours?.status ?? null,
    reason: ours?.reason ?? null,
    expected: ours === null ? null : toMajor(ours.expectedMinor),
    received: ours?.receivedMinor == null ? null : toMajor(ours.receivedMinor),
    currency: ours?.currency ?? null,
    statementRow: rows.length === 0 ? null : rows.map(({ line }) => line).join(' '),
    bookedAt: row === undefined || row.at === 0 ? null : new Date(row.at).toISOString(),
    statementAmount: netMinor === null || row === undefined ? null : toMajor(netMinor),
    statementCurrency: row?.currency ?? null,
    receipt: row?.receipt || null,
    reference: row?.reference || null,
  };
}

function flatFault({ line, fault }: FaultyLine): Flat {
  return { ...flat(nothingOf('unreadable')), statementRow: String(line), note: fault };
}

/** A line that has nothing but its finding. */
function nothingOf(finding: Finding): ReconciliationLine {
  const nothing = { day: null, orderId: null, ours: null, by: null, netMinor: null, note: null };
  return { finding, ...nothing, rows: [], isStrong: false };
}

/** One JSON object a line; the last one holds the totals. */
export function jsonOutput(terminal: CommandContext): ReconciliationOutput {
  const print = (value: object) => write(terminal, `${JSON.stringify(value)}\n`);
  return {
    line: (line) => print(flat(line)),
    faulty: (line) => print(flatFault(line)),
    end: ({ sha256, format, lines, others }, totals, isApplied) =>
      print({
        summary: {
          ...{ format: format.id, sha256, lines, otherLines: others, applied: isApplied },
          ...{ disagreements: totals.disagreements, unreadableOrders: totals.damaged },
          ...{ statement: sums(totals.statement), findings: sumsOf(totals.findings) },
          days: totals.days.map(({ day, statement, findings: found }) => ({
            ...{ day, statement: sums(statement), findings: sumsOf(found) },
          })),
        },
      }),
  };
}

function sums({ count, amounts }: Count) {
  const printed = Object.entries(amounts).map(([currency, minor]) => [currency, toMajor(minor)]);
  return { count, amounts: Object.fromEntries(printed) };
}

function sumsOf(counts: Counts) {
  return Object.fromEntries(listOf(counts).map(({ finding, count }) => [finding, sums(count)]));
}

/** The findings that there are, in the order of the table. */
function listOf(counts: Counts): { readonly finding: Finding; readonly count: Count }[] {
  return findings.flatMap((finding) => {
    const count = counts[finding];
    return count === undefined ? [] : [{ finding, count }];
  });
}

/** A CSV file on standard output, and the totals on standard error. */
export function csvOutput(terminal: CommandContext): ReconciliationOutput {
  const print = (line: Flat) => write(terminal, csvLine(fields.map((field) => line[field])));
  let isBegun = false;
  const begin = async () => {
    if (!isBegun) await write(terminal, csvLine(fields));
    isBegun = true;
  };
  return {
    line: async (line) => {
      await begin();
      await print(flat(line));
    },
    faulty: async (line) => {
      await begin();
      await print(flatFault(line));
    },
    end: async (statement, totals, isApplied) => {
      await begin();
      terminal.stderr.write(summaryOf(statement, totals, isApplied));
    },
  };
}

/** Lines of one finding that a table shows. */
const shownOfEach = 50;

/** Tables for people. */
export function tableOutput(terminal: CommandContext): ReconciliationOutput {
  const printed = new Map<Finding, number>();
  const print = (line: Flat) => {
    const count = (printed.get(line.finding) ?? 0) + 1;
    printed.set(line.finding, count);
    return count > shownOfEach ? Promise.resolve() : write(terminal, `${forPeople(line)}\n`);
  };
  return {
    line: (line) => print(flat(line)),
    faulty: (line) => print(flatFault(line)),
    async end(statement, totals, isApplied) {
      const hidden = [...printed].filter(([, count]) => count > shownOfEach);
      for (const [finding, count] of hidden)
        await write(
          terminal,
          `and ${count - shownOfEach} more: ${titles[finding]} (--csv or --json list all)\n`,
        );
      if (printed.size > 0) await write(terminal, '\n');
      await write(terminal, summaryOf(statement, totals, isApplied));
    },
  };
}

function forPeople(line: Flat): string {
  const text = (value: string | null) => (value === null ? null : printable(value));
  const ours = [line.status ?? 'no verdict', line.reason].filter((word) => word !== null).join('/');
  return [
    titles[line.finding].padEnd(24),
    line.day,
    line.orderId,
    line.orderId === null ? null : `${ours} ${line.currency} ${line.received ?? line.expected}`,
    line.statementRow === null ? null : `row ${line.statementRow}`,
    line.statementAmount === null ? null : `${line.statementCurrency} ${line.statementAmount}`,
    line.receipt === null ? null : `receipt ${text(line.receipt)}`,
    line.reference === null ? null : `reference ${text(line.reference)}`,
    line.note === null ? null : `(${text(line.note)})`,
  ]
    .filter((part) => part !== null)
    .join('  ');
}

function summaryOf({ format, rows, others, sha256 }: Statement, totals: Totals, isApplied: boolean): string {
  const counts = listOf(totals.findings);
  const shown = counts.map(({ finding }) => finding);
  const days = [
    ['day', 'payments', 'amount', ...shown.map((finding) => titles[finding])],
    ...totals.days.map(({ day, statement, findings: found }) => [
      ...[day, String(statement.count), money(statement)],
      ...shown.map((finding) => String(found[finding]?.count ?? '')),
    ]),
  ];
  const lines = [
    ['finding', 'number', 'amount'],
    ...counts.map(({ finding, count }) => [titles[finding], String(count.count), money(count)]),
  ];
  const numbers = new Set(days[0]?.map((_, nth) => nth).slice(1));
  return [
    `${format.title}: ${rows.size} rows about payments, ${others} other lines, SHA-256 ${sha256}\n\n`,
    ...(totals.days.length > 0 ? [columnsOf(days, numbers), '\n'] : []),
    `${columnsOf(lines, new Set([1, 2]))}\n`,
    totals.damaged === 0 ? '' : `${totals.damaged} orders have records that cannot be read.\n`,
    conclusionOf(totals, isApplied),
  ].join('');
}

function conclusionOf({ disagreements, findings: { paid, reversed } }: Totals, isApplied: boolean): string {
  if (disagreements === 0) return 'The statement and our records agree.\n';
  const can = !isApplied && (paid ?? reversed) !== undefined;
  return `${disagreements} disagreements.${can ? ' Nothing was changed; --apply settles what is matched by receipt, or by exact reference and amount.' : ''}\n`;
}

function money({ amounts }: Count): string {
  return Object.entries(amounts)
    .map(([currency, minor]) => `${currency} ${toMajor(minor)}`)
    .join(' + ');
}
