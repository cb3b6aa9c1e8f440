import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

/**
 * Places in a list, as clients send them back for the next page. They are encrypted: a place names the last order that was
 * examined, which may belong to an account that the client must not see.
 */
export interface Cursors {
  /** `search`: what was searched for and by whom; the cursor opens for nothing else. */
  seal(place: string, search: string): Promise<string>;
  /** The place; `null` for a cursor that is not ours, was altered, or belongs to another search. */
  open(cursor: string, search: string): Promise<string | null>;
}

const ivLength = 12;
const authTagLength = 16;
/** A place has at most 145 characters. */
export const maxCursorLength = 300;

export function createCursors(redis: Redis, keys: Keys): Cursors {
  /** The same in all processes. A Redis that loses it makes clients begin their lists again. */
  async function secret(): Promise<Buffer> {
    const known = await redis.get(keys.cursorSecret);
    if (known === null) await redis.set(keys.cursorSecret, randomBytes(32).toString('hex'), 'NX');
    const text = known ?? (await redis.get(keys.cursorSecret)) ?? '';
    return Buffer.from(hkdfSync('sha256', text, '', 'payment-poller cursor', 32));
  }

  return {
    async seal(place, search) {
      const iv = randomBytes(ivLength);
      const cipher = createCipheriv('aes-256-gcm', await secret(), iv, { authTagLength }).setAAD(
        Buffer.from(search),
      );
      const sealed = Buffer.concat([cipher.update(place, 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
    },

    async open(cursor, search) {
      const bytes = Buffer.from(cursor, 'base64url');
      if (bytes.length <= ivLength + authTagLength) return null;
      const iv = bytes.subarray(0, ivLength);
      const key = await secret();
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength })
          .setAAD(Buffer.from(search))
          .setAuthTag(bytes.subarray(ivLength, ivLength + authTagLength));
        const opened = [decipher.update(bytes.subarray(ivLength + authTagLength)), decipher.final()];
        return Buffer.concat(opened).toString('utf8');
      } catch {
        return null;
      }
    },
  };
}
