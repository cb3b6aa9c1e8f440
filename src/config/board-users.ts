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
  /** The password hash as configured and parsed; `null`: this user can only log in through a proxy. */
  readonly password: { readonly text: string; readonly hash: PasswordHash } | null;
}

/** Names and e-mail addresses as proxies send them, without characters that are special in headers, HTML or logs. */
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
    // The salt is random, so equal hashes mean a copied entry: two people who share one password.
    const twin = password && before.find((other) => other.password?.text === password.text);
    return [
      ...(before.some((other) => other.name === name) ? ['this name is used twice'] : []),
      ...(twin ? [`has the password hash of the user "${twin.name}"; create a separate one for each`] : []),
    ];
  },
});

/** Checks the settings about users against each other. */
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
    faults.push('BOARD_USERS also contains the user of BOARD_USERNAME; remove BOARD_PASSWORD or the entry.');
  if (trustedUserHeader === undefined) return faults;
  if (trustedProxies.length === 0)
    faults.push('TRUSTED_USER_HEADER needs TRUSTED_PROXIES: only those addresses may name a user.');
  if (trustedProxies.some((block) => block.endsWith('/0')))
    faults.push(
      'TRUSTED_PROXIES contains every address, so with TRUSTED_USER_HEADER anybody could log in as any user.',
    );
  if (boardUsers.length === 0)
    faults.push('TRUSTED_USER_HEADER needs BOARD_USERS, which lists the users and their roles.');
  return faults;
}
