import { Command, InvalidArgumentError } from 'commander';
import { expirySchema, keyNameSchema, type Scope, scopes } from '../config/named-keys.ts';
import { newKey } from '../config/new-key.ts';
import { accountIdPattern } from '../domain/order.ts';
import type { CommandContext } from './command-context.ts';

interface Flags {
  readonly name: string;
  readonly scope: readonly Scope[];
  readonly account?: readonly string[];
  readonly expires?: string;
}

export function keyCommand(terminal: CommandContext): Command {
  const create = new Command('new')
    .description('make an API key and print it once, with its entry for API_KEYS; needs no Redis')
    .requiredOption('--name <name>', 'name of the key in logs and the audit trail', parseName)
    .requiredOption(
      '--scope <scopes>',
      `what the key may do, separated by commas: ${scopes.join(', ')}`,
      parseScopes,
    )
    .option(
      '--account <ids>',
      'accounts that the key is limited to, separated by commas (default: all)',
      parseAccounts,
    )
    .option('--expires <date>', 'when the key expires: a date or an RFC 3339 time', parseExpiry)
    .action(({ name, scope, account, expires }: Flags) => {
      const { key, sha256 } = newKey();
      const entry = {
        ...{ name, sha256, scopes: scope },
        ...(account && { accounts: account }),
        ...(expires && { expiresAt: expires }),
      };
      terminal.stderr.write('The key for the client, shown only this once:\n');
      terminal.stdout.write(`${key}\n`);
      terminal.stderr.write('Its entry for the JSON list API_KEYS of the service:\n');
      terminal.stdout.write(`${JSON.stringify(entry)}\n`);
    });
  return new Command('key').description('make API keys').addCommand(create);
}

function parseName(text: string): string {
  const parsed = keyNameSchema.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`A name ${parsed.error.issues[0]?.message}.`);
  return text;
}

function parseScopes(text: string, before: readonly Scope[] = []): readonly Scope[] {
  const named = words(text);
  const known = named.filter((word): word is Scope => (scopes as readonly string[]).includes(word));
  if (named.length === 0 || known.length < named.length)
    throw new InvalidArgumentError(`The scopes are ${scopes.join(', ')}.`);
  return [...new Set([...before, ...known])];
}

function parseAccounts(text: string, before: readonly string[] = []): readonly string[] {
  const ids = words(text);
  if (ids.length === 0 || !ids.every((id) => accountIdPattern.test(id)))
    throw new InvalidArgumentError('Give account ids, e.g. jenga,shop2.');
  return [...new Set([...before, ...ids])];
}

function parseExpiry(text: string): string {
  const parsed = expirySchema.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError('Give a date or an RFC 3339 time, e.g. 2027-01-01.');
  if (parsed.data <= Date.now()) throw new InvalidArgumentError('The expiry is in the past.');
  return text;
}

function words(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
