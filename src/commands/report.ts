import { Command, Option } from 'commander';
import { readServiceSettings } from '../config/config.ts';
import { toMajor } from '../domain/money.ts';
import { createZone, dayRange } from '../domain/zone.ts';
import { type DailyReport, type ReportLine, readDailyReport, reasonsOf } from '../orders/daily-report.ts';
import { awaitRedisForCommand, connectRedis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import { type CommandContext, UsageError } from './command-context.ts';
import { csvLine } from './csv-line.ts';
import { columnsOf } from './screen.ts';
import { parseZone } from './time-zone.ts';

interface Flags {
  readonly day: string;
  readonly timezone?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

export function reportCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('report')
    .description('show what became of the orders of one day, by account')
    .option(
      '--day <day>',
      'yesterday, today or YYYY-MM-DD: the day on which the orders were created',
      'yesterday',
    )
    .option('--timezone <zone>', 'time zone of the day (default: TIMEZONE)', parseZone)
    .addOption(new Option('--json', 'print one JSON object').conflicts('csv'))
    .option('--csv', 'print CSV, one line per account and currency')
    .action(async ({ day, timezone, json, csv }: Flags) => {
      const settings = readServiceSettings(terminal.environment);
      const zone = createZone(timezone ?? settings.timezone);
      const range = dayRange(day, zone, Date.now());
      if (range === null) throw new UsageError('--day takes yesterday, today or a date such as 2026-01-31.');
      const redis = connectRedis(settings.redisUrl, 'patient');
      try {
        await awaitRedisForCommand(redis, settings.redisUrl);
        const report = await readDailyReport(redis, createKeys(settings.prefix), range, terminal.stop);
        const print = json ? forMachines : csv ? asCsv : forPeople;
        terminal.stdout.write(print(report, zone.name));
      } catch (error) {
        if (!terminal.stop.aborted) throw error;
        exit(130);
      } finally {
        redis.disconnect();
      }
    });
}

/** A line with amounts in major units, and all columns of the CSV. */
function flat({ reasons, oldestUnresolved, ...line }: ReportLine) {
  const { expectedMinor, receivedMinor, unverifiedMinor, ...counts } = line;
  return {
    ...counts,
    reasons,
    expected: toMajor(expectedMinor),
    received: toMajor(receivedMinor),
    unverified: toMajor(unverifiedMinor),
    oldestUnresolved: oldestUnresolved && {
      orderId: oldestUnresolved.orderId,
      since: new Date(oldestUnresolved.since).toISOString(),
    },
  };
}

function forMachines({ day, damaged, lines }: DailyReport, timeZone: string): string {
  return `${JSON.stringify({ day, timeZone, unreadableOrders: damaged, accounts: lines.map(flat) })}\n`;
}

const columns = [
  ...[
    'day',
    'account',
    'currency',
    'orders',
    'paid',
    'failed',
    'expired',
    'unresolved',
    'open',
    'corrections',
  ],
  ...['expected', 'received', 'unverified', 'reasons', 'oldestUnresolved', 'unresolvedSince'],
];

function asCsv({ day, lines }: DailyReport): string {
  const rows = lines.map((line) => {
    const { account, currency, orders, paid, failed, expired, unresolved, open, corrections, ...more } =
      flat(line);
    return csvLine([
      ...[day, account, currency, orders, paid, failed, expired, unresolved, open, corrections],
      ...[more.expected, more.received, more.unverified, reasonsOf(line)],
      ...[more.oldestUnresolved?.orderId ?? null, more.oldestUnresolved?.since ?? null],
    ]);
  });
  return [csvLine(columns), ...rows].join('');
}

function forPeople({ day, damaged, lines }: DailyReport, timeZone: string): string {
  const title = `Orders created on ${day} (${timeZone})\n\n`;
  if (lines.length === 0) return `${title}None.\n`;
  const table = [
    [
      'account',
      'orders',
      'paid',
      'failed',
      'expired',
      'unresolved',
      'open',
      'corrections',
      'expected',
      'received',
    ],
    ...lines.map((line) => [
      ...[line.account, line.orders, line.paid, line.failed, line.expired, line.unresolved].map(String),
      ...[String(line.open), String(line.corrections), `${line.currency} ${toMajor(line.expectedMinor)}`],
      `${line.currency} ${toMajor(line.receivedMinor)}`,
    ]),
  ];
  const notes = lines.flatMap((line) => {
    const { account, currency, unverifiedMinor, oldestUnresolved: oldest } = line;
    return [
      line.unresolved === 0 ? null : `${account}: unresolved are ${reasonsOf(line)}`,
      unverifiedMinor === 0
        ? null
        : `${account}: of ${currency} ${toMajor(unverifiedMinor)} the provider does not report what arrived`,
      oldest &&
        `${account}: unresolved for longest is ${oldest.orderId}, since ${new Date(oldest.since).toISOString()}`,
    ].filter((note) => note !== null);
  });
  if (damaged > 0) notes.push(`${damaged} orders have records that cannot be read.`);
  const numbers = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  return `${title}${columnsOf(table, numbers)}${notes.length === 0 ? '' : `\n${notes.join('\n')}\n`}`;
}
