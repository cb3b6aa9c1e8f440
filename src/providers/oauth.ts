import { z } from 'zod';
import { code } from './fields.ts';

/** An access token as it may stand in a header. */
export const tokenText = z
  .string()
  .max(8192)
  .regex(/^[\x21-\x7e]+$/);

const grantAnswer = z.object({ access_token: tokenText, expires_in: code.catch(null) });

/** The token of an OAuth answer; `null` when it grants none. Daraja prints `expires_in` as a string, Tanda as a number. */
export function oauthGrant(body: unknown): { token: string; lifetimeMs: number | null } | null {
  const granted = grantAnswer.safeParse(body).data;
  if (granted === undefined) return null;
  const seconds = Number(granted.expires_in ?? Number.NaN);
  return { token: granted.access_token, lifetimeMs: seconds > 0 ? seconds * 1000 : null };
}

/** The `Authorization` header of HTTP Basic. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}
