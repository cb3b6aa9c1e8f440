import { Command, InvalidArgumentError } from 'commander';
import { readServiceSettings } from '../config/config.ts';
import { cloudEvent } from '../domain/result-event.ts';
import { awaitRedis, connectRedis } from '../redis/connection.ts';
import { type Result, readResults } from '../results/replay.ts';
import type { CommandContext } from './command-context.ts';
import { resultLine } from './result-line.ts';
import { UsageError } from './usage-error.ts';

interface Flags {
  readonly json?: boolean;
  readonly from?: string;
  readonly count?: number;
}

export function resultsCommand(terminal: CommandContext): Command {
  return new Command('results')
    .description('follow the verdicts as they are published')
    .option('--json', 'print one JSON object per line')
    .option(
      '--from <position>',
      '0 for the beginning, or the stream id to continue after (default: only new results)',
    )
    .option('--count <n>', 'stop after n results', parseCount)
    .action(async ({ json, from = '$', count = Number.POSITIVE_INFINITY }: Flags) => {
      if (from !== '$' && !/^\d+(-\d+)?$/.test(from))
        throw new UsageError('--from takes 0 or a stream id such as 1723209757300-0.');
      const { redisUrl, prefix } = readServiceSettings(terminal.environment);
      const redis = connectRedis(redisUrl, 'patient');
      let left = count;
      try {
        await awaitRedis(redis, redisUrl, 6_000);
        const onInvalid = (streamId: string) =>
          terminal.stderr.write(`entry ${streamId} is not a result of payment-poller; skipped\n`);
        for await (const result of readResults({
          redis,
          prefix,
          from,
          follow: true,
          signal: terminal.stop,
          onInvalid,
        })) {
          terminal.stdout.write(
            `${json ? toJson(result) : resultLine(result.event, terminal.stdout.isTTY)}\n`,
          );
          left -= 1;
          if (left <= 0) break;
        }
      } finally {
        redis.disconnect();
      }
    });
}

function toJson({ streamId, event }: Result): string {
  return JSON.stringify({ ...cloudEvent(event), streamid: streamId });
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('The count must be 1 or more.');
  return count;
}
