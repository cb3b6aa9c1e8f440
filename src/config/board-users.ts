import { z } from 'zod';
import { jsonListSchema } from './json-list.ts';
import { type PasswordHash, parsePasswordHash } from './password-hash.ts';

/**
 * What a user of the pages may do.
 * - `viewer`: look at the overview, at orders, and at the board
 * - `operator`: also do what the pages and the board offer
 */
export const userRoles = ['viewer', 'operator'] as const;
export type UserRole = (typeof userRoles)[number];

/** A user of the pages as configured. */
export interface BoardUser {
  readonly name: string;
  readonly role: UserRole;
  /** The hash of the password, as configured and taken apart; `null`: only a proxy can log this user in. */
  readonly password: { readonly text: string; readonly hash: PasswordHash } | null;
}

/** Names and mail addresses, as proxies send them. Nothing that has a meaning in a header, a page or a log line. */
export const userNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@+-]*$/,
    'must consist of A-Z a-z 0-9 . _ @ + - and begin with a letter or digit',
  )
  .max(128, 'must have at most 128 characters');

const passwordHashSchema = z.string().transform((text, context) => {
  const hash = parsePasswordHash(text);
  if (hash !== null) return { text, hash };
  context.addIssue({ code: 'custom', message: 'must be a hash that `payment-poller user new` printed' });
  return z.NEVER;
});

/** The setting BOARD_USERS. */
export const boardUsersSchema = jsonListSchema({
  noun: 'user',
  schema: z.strictObject({
    name: userNameSchema,
    role: z.enum(userRoles, `must be ${userRoles.join(' or ')}`),
    passwordHash: passwordHashSchema.optional(),
  }),
  fields: 'name, role and passwordHash',
  nameSchema: userNameSchema,
  toEntry: ({ name, role, passwordHash = null }): BoardUser => ({ name, role, password: passwordHash }),
  conflicts({ name, password }, before) {
    // Two people who know of each other that they have the same password.
    const twin = password && before.find((other) => other.password?.text === password.text);
    return [
      ...(before.some((other) => other.name === name) ? ['this name is used twice'] : []),
      ...(twin ? [`has the password hash of the user "${twin.name}"; make one for each`] : []),
    ];
  },
});

/** What must hold between the settings about users. */
export function userFaults({
  boardUsers,
  boardUsername,
  boardPassword,
  trustedUserHeader,
  trustedProxies,
}: {
  readonly boardUsers: readonly BoardUser[];
  readonly boardUsername: string;
  readonly boardPassword?: string | undefined;
  readonly trustedUserHeader?: string | undefined;
  readonly trustedProxies: readonly string[];
}): string[] {
  const faults: string[] = [];
  if (boardPassword !== undefined && boardUsers.some(({ name }) => name === boardUsername))
    faults.push(`BOARD_USERS holds the user of BOARD_USERNAME too; remove BOARD_PASSWORD or the entry.`);
  if (trustedUserHeader === undefined) return faults;
  if (trustedProxies.length === 0)
    faults.push('TRUSTED_USER_HEADER needs TRUSTED_PROXIES: only these addresses may name a user.');
  if (trustedProxies.some((block) => block.endsWith('/0')))
    faults.push('TRUSTED_PROXIES holds every address, so with TRUSTED_USER_HEADER anybody could be anyone.');
  if (boardUsers.length === 0)
    faults.push('TRUSTED_USER_HEADER needs BOARD_USERS: it lists who may come in, and as what.');
  return faults;
}
