import { hash } from 'node:crypto';

/** Where the app secret goes in the string that is signed (providers.md, 3: the documents disagree). */
export type SecretPosition = 'append' | 'prepend';

/**
 * Vexora's signature: without `sign` and empty values, keys sorted, `key=value` joined with nothing between the pairs, the
 * secret appended, MD5 in lower-case hex (seed mpesa-query-result-by-code).
 */
export function vexoraSign(
  fields: Readonly<Record<string, unknown>>,
  secret: string,
  position: SecretPosition = 'append',
): string {
  const joined = Object.keys(fields)
    .filter(
      (key) => key !== 'sign' && fields[key] !== null && fields[key] !== undefined && fields[key] !== '',
    )
    .sort()
    .map((key) => `${key}=${fields[key]}`)
    .join('');
  return hash('md5', position === 'append' ? joined + secret : secret + joined);
}
