import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Prefix of every key, by which secret scanners find it: `pp_live_[0-9A-Za-z]{49}`. */
export const keyPrefix = 'pp_live_';

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Base-62 digits needed for 32 bytes and for a CRC-32. */
const secretDigits = 43;
const checksumDigits = 6;

/** Creates an API key: the prefix, 32 random bytes, and a checksum by which scanners recognise real keys. */
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
