import { Command, InvalidArgumentError } from 'commander';
import { readServiceSettings } from '../config/config.ts';
import { cloudEvent } from '../domain/result-event.ts';
import { awaitRedisForCommand, connectRedis } from '../redis/connection.ts';
import { isRedisFault } from '../redis/redis-fault.ts';
import { type Result, readResults } from '../results/replay.ts';
import { type CommandContext, UsageError } from './command-context.ts';
import type { LocalTime } from './local-time.ts';
import { resultLine } from './result-line.ts';
import { resultCsvLine, resultsCsvHead } from './results-csv.ts';
import { exportResults, type ResultsRange } from './results-export.ts';
import { localTimeOf, rangeOfFlags, timeHelp } from './time-flags.ts';

interface Flags {
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly timezone?: string;
  readonly latest?: boolean;
  readonly count?: number;
}

export function resultsCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('results')
    .description('follow the verdicts as they are published, or print those of some days')
    .option('--json', 'print one JSON object per line')
    .option('--csv', 'print CSV, for spreadsheets')
    .option(
      '--from <position>',
      `0 for the beginning, or the stream id to continue after (default: only new results); or a time: ${timeHelp}. Given a time, the command ends after the last result`,
    )
    .option('--to <time>', 'results before this time; a day is not included itself (default: now)')
    .option('--timezone <zone>', "time zone of dates, in and out (default: this machine's)")
    .option('--latest', 'only the newest result of each order')
    .option('--count <n>', 'stop after n results', parseCount)
    .action(async (flags: Flags) => {
      const range = exportRange(flags);
      if (range === null) return follow(terminal, flags);
      if (!(await printRange(terminal, flags, range))) exit(1);
    });
}

/** What to print, if the flags ask for results that exist already; `null` if they ask to follow. @throws UsageError */
function exportRange({ json, csv, from, to, timezone, latest = false, count }: Flags): ResultsRange | null {
  if (json && csv) throw new UsageError('Give either --json or --csv.');
  const isPosition = from !== undefined && /^\d{1,19}(?:-\d{1,19})?$/.test(from);
  const isExport = csv || latest || to !== undefined || (from !== undefined && from !== '$' && !isPosition);
  const time = localTimeOf(timezone);
  if (!isExport) return null;
  if (from === undefined || from === '$')
    throw new UsageError('--csv, --to and --latest need --from, for example --from yesterday --to today.');
  const now = Date.now();
  if (!isPosition && time.parse(from, now) === null)
    throw new UsageError(`--from takes 0 or a stream id such as 1723209757300-0, or a time: ${timeHelp}.`);
  const times = rangeOfFlags(isPosition ? { to } : { from, to }, time, now);
  const limits = { isLatestOnly: latest, count: count ?? Number.POSITIVE_INFINITY };
  return { ...times, ...(isPosition && { position: from }), ...limits };
}

/** Returns false if something may be missing. */
async function printRange(terminal: CommandContext, flags: Flags, range: ResultsRange): Promise<boolean> {
  const { redisUrl, prefix } = readServiceSettings(terminal.environment);
  const time = localTimeOf(flags.timezone);
  const redis = connectRedis(redisUrl, 'prompt');
  const print = (result: Result) =>
    flags.csv ? resultCsvLine(result.event, time) : line(terminal, flags, result, time);
  try {
    await awaitRedisForCommand(redis, redisUrl);
    if (flags.csv) terminal.stdout.write(resultsCsvHead);
    return await exportResults({ terminal, redis, prefix, print }, range);
  } catch (cause) {
    if (!isRedisFault(cause) || !(cause instanceof Error) || cause.name === 'RedisUnavailableError')
      throw cause;
    throw new Error(`Redis failed, so the output is incomplete (${cause.message}); run the command again.`, {
      cause,
    });
  } finally {
    redis.disconnect();
  }
}

async function follow(terminal: CommandContext, flags: Flags): Promise<void> {
  const { from = '$', count = Number.POSITIVE_INFINITY } = flags;
  const { redisUrl, prefix } = readServiceSettings(terminal.environment);
  const time = localTimeOf(flags.timezone);
  const redis = connectRedis(redisUrl, 'patient');
  let left = count;
  try {
    await awaitRedisForCommand(redis, redisUrl);
    const onInvalid = (streamId: string) =>
      void terminal.stderr.write(`entry ${streamId} is not a result of payment-poller; skipped\n`);
    const options = { redis, prefix, from, follow: true, signal: terminal.stop, onInvalid };
    for await (const result of readResults(options)) {
      terminal.stdout.write(line(terminal, flags, result, time));
      left -= 1;
      if (left <= 0) break;
    }
  } finally {
    redis.disconnect();
  }
}

function line({ stdout }: CommandContext, { json }: Flags, result: Result, time: LocalTime): string {
  return `${json ? toJson(result) : resultLine(result.event, stdout.isTTY, time)}\n`;
}

function toJson({ streamId, event }: Result): string {
  return JSON.stringify({ ...cloudEvent(event), streamid: streamId });
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('The count must be 1 or more.');
  return count;
}
