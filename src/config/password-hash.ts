import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** The cost parameters of scrypt (RFC 7914): `N` = 2^`log2n`, block size `r`, parallelisation `p`. */
export interface ScryptCost {
  readonly log2n: number;
  readonly r: number;
  readonly p: number;
}

/** A parsed password hash. */
export interface PasswordHash extends ScryptCost {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/**
 * The cost of new hashes, one of the equivalent settings that OWASP recommends for scrypt: 16 MB and about 0.2 s of a core.
 * With more memory per login, strangers could exhaust the API's memory.
 */
export const defaultCost: ScryptCost = { log2n: 14, r: 8, p: 5 };

const saltBytes = 16;
const hashBytes = 32;
/** Accepted hashes: not much cheaper than ours, and limited in the CPU time and memory of a login. */
const leastWork = 2 ** 14 * 8 * 2;
const mostWork = 2 ** 17 * 8 * 4;
const mostMemoryBytes = 128 * 1024 * 1024 + 1024 * 1024;

/** Contains no `$`, which shells and Compose files would expand. */
const form = /^scrypt:(1[4-7]):(8):([1-9]\d?):([\w-]{22,86}):([\w-]{43})$/;

/** A password hash from its text form `scrypt:<log2 N>:<r>:<p>:<salt>:<hash>`, base64url; `null` if it is not one. */
export function parsePasswordHash(text: string): PasswordHash | null {
  const [, log2n, r, p, salt = '', hash = ''] = form.exec(text) ?? [];
  const cost = { log2n: Number(log2n), r: Number(r), p: Number(p) };
  const work = 2 ** cost.log2n * cost.r * cost.p;
  // Without a match, `work` is NaN and both comparisons are false.
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

/** A hash that matches no password, so that checking an unknown name takes as long as a known one. */
export function dummyHash({ log2n, r, p }: ScryptCost): PasswordHash {
  return { log2n, r, p, salt: randomBytes(saltBytes), hash: randomBytes(hashBytes) };
}

/** Whether a password matches a hash. Occupies a thread of Node's pool for a fraction of a second. */
export async function isPasswordOf(given: string, { salt, hash, ...cost }: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(given, salt, cost), hash);
}

function derive(password: string, salt: Buffer, { log2n, r, p }: ScryptCost): Promise<Buffer> {
  const options = { N: 2 ** log2n, r, p, maxmem: mostMemoryBytes };
  return new Promise((resolve, reject) => {
    // Normalised, since keyboards produce different Unicode forms of the same text.
    scrypt(password.normalize('NFC'), salt, hashBytes, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
