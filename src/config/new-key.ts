import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What every key begins with, by which secret scanners find it: `pp_live_[0-9A-Za-z]{49}`. */
export const keyPrefix = 'pp_live_';

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** So many digits of base 62 hold 32 bytes, and so many a CRC-32. */
const secretDigits = 43;
const checksumDigits = 6;

/** A new API key: the prefix, 32 random bytes and a checksum, by which a scanner tells a key from text that looks like one. */
export function newKey(): { readonly key: string; readonly sha256: string } {
  const body = keyPrefix + toBase62(BigInt(`0x${randomBytes(32).toString('hex')}`), secretDigits);
  const key = body + toBase62(BigInt(crc32(body)), checksumDigits);
  return { key, sha256: createHash('sha256').update(key).digest('hex') };
}

function toBase62(value: bigint, width: number): string {
  let text = '';
  for (let rest = value; rest > 0n; rest /= 62n) text = digits[Number(rest % 62n)] + text;
  return text.padStart(width, '0');
}
