import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { BoardUser } from '../../config/board-users.ts';
import {
  defaultCost,
  dummyHash,
  hashPassword,
  isPasswordOf,
  type PasswordHash,
  parsePasswordHash,
  type ScryptCost,
} from '../../config/password-hash.ts';
import { isSameSecret } from '../api-keys.ts';
import { createCheckQueue } from './check-queue.ts';
import type { User } from './user.ts';

/** The configured users of the pages. Roles are looked up here for each request and never taken from a cookie. */
export interface Users {
  find(name: string): User | null;
  /** What a user's session keys are derived from, so that a new password ends the sessions; `null` without a password. */
  credentialOf(name: string): string | null;
  /** Whether anybody can log in by password. */
  readonly havePasswords: boolean;
  /**
   * The user with this name and password; `null` if either is wrong, after the same time in both cases.
   *
   * @param rank the lowest rank is served first: callers with fewer wrong guesses
   * @throws TooManyChecksError if too many checks are waiting
   */
  check(name: string, password: string, rank: number): Promise<User | null>;
}

export interface UserSettings {
  readonly boardUsers: readonly BoardUser[];
  readonly boardUsername: string;
  readonly boardPassword?: string | undefined;
}

interface Entry {
  readonly user: User;
  readonly credential: string | null;
  readonly hash: Promise<PasswordHash> | null;
}

export function createUsers({ boardUsers, boardUsername, boardPassword }: UserSettings): Users {
  const entries = new Map(
    boardUsers.map(({ name, role, password }): [string, Entry] => {
      const hash = password === null ? null : Promise.resolve(password.hash);
      return [name, { user: { name, role }, credential: password?.text ?? null, hash }];
    }),
  );
  const example = boardUsers.find(({ password }) => password !== null)?.password?.hash;
  const areHashed = example !== undefined;
  if (boardPassword !== undefined) {
    const user: User = { name: boardUsername, role: 'operator' };
    // Hashed if other users are, so that the response time does not reveal which names exist.
    const hash = areHashed ? hashOf(boardPassword, example) : null;
    entries.set(boardUsername, { user, credential: boardPassword, hash });
  }

  const find = (name: string) => entries.get(name)?.user ?? null;
  const checkHash = createHashCheck(example ?? defaultCost);

  return {
    find,
    credentialOf: (name) => entries.get(name)?.credential ?? null,
    havePasswords: areHashed || boardPassword !== undefined,
    async check(name, password, rank) {
      if (areHashed)
        return (await checkHash(name, password, await entries.get(name)?.hash, rank)) ? find(name) : null;
      if (boardPassword === undefined) return null;
      const isRightName = isSameSecret(name, boardUsername);
      const isRightPassword = isSameSecret(password, boardPassword);
      return isRightName && isRightPassword ? find(name) : null;
    },
  };
}

async function hashOf(password: string, cost: ScryptCost): Promise<PasswordHash> {
  return parsePasswordHash(await hashPassword(password, cost)) ?? dummyHash(cost);
}

/**
 * Checks passwords against their hashes, those of unknown names against a dummy hash. A password that was right once is cached,
 * because scripts send theirs with every request.
 *
 * @param cost the cost of the users' hashes, so that unknown names take as long
 */
function createHashCheck(cost: ScryptCost) {
  const queue = createCheckQueue();
  const dummy = dummyHash(cost);
  /** Keys the digests of the cached passwords; never leaves this process. */
  const key = randomBytes(32);
  const right = new Map<string, Buffer>();

  return async (name: string, password: string, hash: PasswordHash | null | undefined, rank: number) => {
    const digest = createHmac('sha256', key).update(`${name}\0${password}`).digest();
    const known = right.get(name);
    if (known !== undefined && timingSafeEqual(known, digest)) return true;
    const isRight = await queue.run(rank, () => isPasswordOf(password, hash ?? dummy));
    if (isRight) right.set(name, digest);
    return isRight;
  };
}
