import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** The cost of a hash: `N` = 2^`log2n`, block size and repetitions, as scrypt (RFC 7914) names them. */
export interface ScryptCost {
  readonly log2n: number;
  readonly r: number;
  readonly p: number;
}

/** A password hash, taken apart. */
export interface PasswordHash extends ScryptCost {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/**
 * The cost of new hashes. One of the settings that OWASP holds equal for scrypt: 16 MB, and some 0.2 s of a core. More memory
 * for each login would let strangers fill that of the API.
 */
export const defaultCost: ScryptCost = { log2n: 14, r: 8, p: 5 };

const saltBytes = 16;
const hashBytes = 32;
/** No hash may be cheaper to guess than half of ours, or let a login take more memory than this. */
const leastWork = 2 ** 14 * 8 * 2;
const mostWork = 2 ** 17 * 8 * 4;
const mostMemoryBytes = 128 * 1024 * 1024 + 1024 * 1024;

/** Without `$`, which shells and Compose files would replace. */
const form = /^scrypt:(1[4-7]):(8):([1-9]\d?):([\w-]{22,86}):([\w-]{43})$/;

/** A password hash from its text form `scrypt:<log2 N>:<r>:<p>:<salt>:<hash>`, base64url; `null` where it is not one. */
export function parsePasswordHash(text: string): PasswordHash | null {
  const [, log2n, r, p, salt = '', hash = ''] = form.exec(text) ?? [];
  const cost = { log2n: Number(log2n), r: Number(r), p: Number(p) };
  const work = 2 ** cost.log2n * cost.r * cost.p;
  // Comparisons with the NaN of no match are false.
  if (!(work >= leastWork && work <= mostWork)) return null;
  return { ...cost, salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') };
}

/** The hash of a password under a new salt, in its text form. */
export async function hashPassword(password: string, cost: ScryptCost = defaultCost): Promise<string> {
  const salt = randomBytes(saltBytes);
  const hash = await derive(password, salt, cost);
  const { log2n, r, p } = cost;
  return ['scrypt', log2n, r, p, salt.toString('base64url'), hash.toString('base64url')].join(':');
}

/** A hash that no password has, for names that nobody has: looking them up takes as long. */
export function dummyHash({ log2n, r, p }: ScryptCost): PasswordHash {
  return { log2n, r, p, salt: randomBytes(saltBytes), hash: randomBytes(hashBytes) };
}

/** Whether a password is the one behind a hash. Takes a fraction of a second of a thread of Node's pool. */
export async function isPasswordOf(given: string, { salt, hash, ...cost }: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(given, salt, cost), hash);
}

function derive(password: string, salt: Buffer, { log2n, r, p }: ScryptCost): Promise<Buffer> {
  const options = { N: 2 ** log2n, r, p, maxmem: mostMemoryBytes };
  return new Promise((resolve, reject) => {
    // Equal texts in different Unicode forms are one password: keyboards differ.
    scrypt(password.normalize('NFC'), salt, hashBytes, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
