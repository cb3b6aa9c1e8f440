import { Command } from 'commander';
import { readConfig } from '../config/config.ts';
import { createAccessTokens } from '../providers/access-token.ts';
import { pullRegistration, readRegistration } from '../providers/daraja-pull.ts';
import { createTransport } from '../providers/transport.ts';
import { createPullClient } from '../reconcile/pull/pull-client.ts';
import { awaitRedisForCommand, connectRedis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import { shortCodeOf } from '../roles/pull-payments.ts';
import { type CommandContext, UsageError } from './command-context.ts';

interface Flags {
  readonly account: string;
  readonly nominatedNumber: string;
  readonly callbackUrl: string;
}

export function pullCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  const register = new Command('register')
    .description(
      'register the short code of an account for Pull Transactions, once, before PULL_EVERY_MS is set',
    )
    .requiredOption('--account <id>', 'the Daraja account')
    .requiredOption(
      '--nominated-number <number>',
      'phone number that is known to Safaricom as the contact of the short code',
    )
    .requiredOption('--callback-url <url>', 'HTTPS address; Safaricom requires one and posts nothing to it')
    .action(async (flags: Flags) => exit(await registerShortCode(flags, terminal)));
  return new Command('pull').description('payments that Daraja gives out as a list').addCommand(register);
}

/** Returns the exit code. */
async function registerShortCode(
  flags: Flags,
  { environment, stdout, stderr }: CommandContext,
): Promise<number> {
  const config = readConfig(environment);
  const account = config.accounts.find(({ id }) => id === flags.account);
  const auth = account?.provider.auth;
  const shortCode = account === undefined ? null : shortCodeOf(account.settings);
  if (
    account === undefined ||
    auth === undefined ||
    shortCode === null ||
    !('pullEveryMs' in account.settings)
  )
    throw new UsageError(`${flags.account} is no Daraja account of ACCOUNTS.`);
  const redis = connectRedis(config.redisUrl, 'patient');
  const transport = createTransport(account.transport);
  try {
    await awaitRedisForCommand(redis, config.redisUrl);
    // Shared with the running service: at Daraja a new token ends the older one.
    const key = createKeys(config.prefix).token(account.id);
    const tokens = createAccessTokens({ redis, key, auth, settings: account.settings, transport });
    const target = { baseUrl: String(account.settings.baseUrl), shortCode };
    const sent = await createPullClient(transport, tokens)(
      (token) => pullRegistration(target, token, flags),
      readRegistration,
      ({ outcome }) => outcome === 'token',
    );
    if ('reason' in sent) {
      stderr.write(`Daraja was not reached: ${sent.reason}.\n`);
      return 1;
    }
    const { outcome, said } = sent.answer;
    if (outcome === 'registered' || outcome === 'registered-before') {
      stdout.write(`${shortCode} ${outcome === 'registered' ? 'is registered' : 'was registered before'}\n`);
      return 0;
    }
    stderr.write(`Daraja refused the registration (${said}); only live short codes can be registered.\n`);
    return 1;
  } finally {
    await transport.close();
    redis.disconnect();
  }
}
