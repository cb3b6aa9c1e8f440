import { Command, InvalidArgumentError } from 'commander';
import { readServiceSettings } from '../config/config.ts';
import { awaitRedisForCommand, connectRedis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import { type CommandContext, UsageError } from './command-context.ts';

interface Flags {
  readonly json?: boolean;
  readonly from?: string;
  readonly count: number;
}

export function auditCommand(terminal: CommandContext): Command {
  return new Command('audit')
    .description(
      'show who did what: logins, rejected keys, submitted orders, poll requests, what people did to orders and accounts',
    )
    .option('--json', 'print one JSON object per line')
    .option(
      '--from <position>',
      '0 for the beginning, or the stream id to start from (default: the newest entries)',
    )
    .option('--count <n>', 'maximum number of entries', parseCount, 50)
    .action(async ({ json, from, count }: Flags) => {
      if (from !== undefined && !/^\d{1,19}(-\d{1,19})?$/.test(from))
        throw new UsageError('--from takes 0 or a stream id such as 1723209757300-0.');
      const { redisUrl, prefix } = readServiceSettings(terminal.environment);
      const redis = connectRedis(redisUrl, 'patient');
      try {
        await awaitRedisForCommand(redis, redisUrl);
        const { audit } = createKeys(prefix);
        const entries =
          from === undefined
            ? (await redis.xrevrange(audit, '+', '-', 'COUNT', count)).toReversed()
            : await redis.xrange(audit, from, '+', 'COUNT', count);
        for (const [streamId, fields] of entries) {
          const entry = fieldsOf(fields);
          terminal.stdout.write(`${json ? JSON.stringify({ streamId, ...entry }) : forPeople(entry)}\n`);
        }
      } finally {
        redis.disconnect();
      }
    });
}

function fieldsOf(fields: readonly string[]): { readonly [name: string]: string } {
  const entry: { [name: string]: string } = {};
  for (let i = 0; i + 1 < fields.length; i += 2) entry[fields[i] as string] = fields[i + 1] as string;
  return entry;
}

function forPeople({
  at,
  actor,
  from,
  action,
  outcome,
  orderId,
  account,
  requestId,
}: {
  readonly [name: string]: string;
}) {
  return [at, actor, from, action, outcome, orderId ?? account ?? '-', requestId ?? '-'].join('  ');
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('The count must be 1 or more.');
  return count;
}
