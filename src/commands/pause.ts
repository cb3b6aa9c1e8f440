import { Command } from 'commander';
import { reasonSchema } from '../accounts/pause.ts';
import { readServiceSettings } from '../config/config.ts';
import { accountIdPattern } from '../domain/order.ts';
import { awaitRedis, connectRedis, type Redis } from '../redis/connection.ts';
import { createKeys, type Keys } from '../redis/keys.ts';
import { type CommandContext, UsageError } from './command-context.ts';
import { originOfCommand } from './origin.ts';
import { recordAction } from './record-action.ts';

export function pauseCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('pause')
    .description(
      'send no requests to the provider of an account until it is resumed; orders are still accepted',
    )
    .argument('<account>', 'id of the account, as in ACCOUNTS')
    .requiredOption('--reason <text>', 'why; shown wherever the account is')
    .action(async (account: string, { reason: text }: { reason: string }) => {
      const parsed = reasonSchema.safeParse(text);
      if (!parsed.success)
        throw new UsageError(`--reason ${parsed.error.issues[0]?.message ?? 'is not valid'}.`);
      const reason = parsed.data;
      await withAccount(terminal, exit, account, async ({ redis, keys, by }) => {
        const { pauseAccount } = await import('../jobs/pause-account.ts');
        const outcome = await pauseAccount(redis, keys, account, { by, reason });
        await recordAction(terminal, redis, keys.prefix, { action: 'account-paused', outcome, account });
        terminal.stdout.write(
          outcome === 'same'
            ? `${account} is paused for this reason already.\n`
            : `${account} is paused. Orders past their deadline still get their verdict. End it with payment-poller resume ${account}\n`,
        );
      });
    });
}

export function resumeCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('resume')
    .description('resume a paused account, also one whose queue was paused on the board')
    .argument('<account>', 'id of the account, as in ACCOUNTS')
    .action(async (account: string) => {
      await withAccount(terminal, exit, account, async ({ redis, keys, by }) => {
        const [{ resumeAccount }, { createPollQueue }] = await Promise.all([
          import('../jobs/pause-account.ts'),
          import('../jobs/queue.ts'),
        ]);
        const queue = createPollQueue(redis, keys, account);
        const outcome = await resumeAccount(redis, keys, account, queue, by);
        await queue.close();
        await recordAction(terminal, redis, keys.prefix, { action: 'account-resumed', outcome, account });
        terminal.stdout.write(
          outcome === 'same'
            ? `${account} was not paused.\n`
            : `${account} is resumed; its orders are polled again, all within about 20 s or as its rate limit allows.\n`,
        );
      });
    });
}

/** Connects to Redis for a command about an account that is known there. */
async function withAccount(
  { environment, stderr }: CommandContext,
  exit: (code: number) => void,
  account: string,
  work: (parts: { readonly redis: Redis; readonly keys: Keys; readonly by: string }) => Promise<void>,
): Promise<void> {
  if (!accountIdPattern.test(account) || account.length > 40)
    throw new UsageError('An account id has lower-case words joined by -, e.g. jenga or shop2-daraja.');
  const { redisUrl, prefix } = readServiceSettings(environment);
  const redis = connectRedis(redisUrl, 'patient');
  try {
    await awaitRedis(redis, redisUrl, 6_000);
    const keys = createKeys(prefix);
    const known = (await redis.hkeys(keys.registry)).sort();
    if (!known.includes(account)) {
      const others = known.length === 0 ? 'no service has run yet' : `known are ${known.join(', ')}`;
      stderr.write(`Account ${account} is unknown (${others}); check its id, REDIS_URL and PREFIX.\n`);
      return exit(1);
    }
    const { actor, from } = originOfCommand();
    await work({ redis, keys, by: `${actor} ${from}` });
  } finally {
    redis.disconnect();
  }
}
