import { createHash } from 'node:crypto';

/** Where the app secret stands: behind the fields (Vexora), or in front of them (older PayPro pages use it as a salt). */
export const signPositions = ['append', 'prepend'] as const;
export type SignPosition = (typeof signPositions)[number];

/**
 * Vexora's signature of the fields that are sent: without `sign` and empty values, sorted by key, joined as
 * `key=value` with nothing between, the app secret added, MD5, lower-case hex (docs/providers.md section 3).
 */
export function sign(
  fields: { readonly [name: string]: string | number | null | undefined },
  secret: string,
  position: SignPosition,
): string {
  const joined = Object.entries(fields)
    .filter(([name, value]) => name !== 'sign' && value != null && value !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('');
  const signed = position === 'append' ? joined + secret : secret + joined;
  return createHash('md5').update(signed, 'utf8').digest('hex');
}
