import { Command, InvalidArgumentError } from 'commander';
import { type UserRole, userNameSchema, userRoles } from '../config/board-users.ts';
import { hashPassword } from '../config/password-hash.ts';
import { passwordSchema } from '../config/weak-password.ts';
import { type CommandContext, UsageError } from './command-context.ts';
import { readPassword } from './read-password.ts';

interface Flags {
  readonly name: string;
  readonly role: UserRole;
}

export function userCommand(context: CommandContext): Command {
  const create = new Command('new')
    .description(
      'create a user of the pages: reads the password from standard input and prints the entry for BOARD_USERS; needs no Redis',
    )
    .requiredOption('--name <name>', 'the login name, which also appears in the audit trail', parseName)
    .requiredOption('--role <role>', `${userRoles.join(' or ')}: a viewer can only read`, parseRole)
    .action(async ({ name, role }: Flags) => {
      const password = checked(await readPassword(context), name);
      const entry = { name, role, passwordHash: await hashPassword(password) };
      context.stderr.write('Add this entry to the JSON list BOARD_USERS of the service:\n');
      context.stdout.write(`${JSON.stringify(entry)}\n`);
    });
  return new Command('user').description('create users of the pages').addCommand(create);
}

/** @throws UsageError for a password that is too easy to guess; the message never contains the password */
function checked(password: string, name: string): string {
  const parsed = passwordSchema.safeParse(password);
  if (!parsed.success) throw new UsageError(`The password ${parsed.error.issues[0]?.message}.`);
  if (password.toLowerCase().includes(name.toLowerCase()))
    throw new UsageError('The password must not contain the name of the user.');
  return password;
}

function parseName(text: string): string {
  const parsed = userNameSchema.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`A name ${parsed.error.issues[0]?.message}.`);
  return text;
}

function parseRole(text: string): UserRole {
  const role = userRoles.find((known) => known === text);
  if (role === undefined) throw new InvalidArgumentError(`A role is ${userRoles.join(' or ')}.`);
  return role;
}
