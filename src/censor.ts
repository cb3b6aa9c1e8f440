/** The names of fields that hold a credential, or the phone number of a customer. */
export const secretNames: readonly string[] = [
  'authorization',
  'apiKey',
  'appSecret',
  'clientSecret',
  'consumerKey',
  'consumerSecret',
  'initiatorPassword',
  'passkey',
  'password',
  'phone',
  'secret',
  'securityCredential',
  'sign',
  'signature',
  'token',
];

export const censorship = '[redacted]';

const names = new Set(secretNames);

/**
 * The same fields, without what stands under such a name, `levels` deep. What has no secrets is handed back and not copied.
 */
export function censored<T>(fields: T, levels: number): T {
  if (!isPlain(fields) || levels === 0) return fields;
  let copy: { [name: string]: unknown } | null = null;
  for (const [name, value] of Object.entries(fields)) {
    const safe = names.has(name) ? censorship : censored(value, levels - 1);
    if (safe === value) continue;
    copy ??= (Array.isArray(fields) ? [...fields] : { ...fields }) as { [name: string]: unknown };
    copy[name] = safe;
  }
  return (copy ?? fields) as T;
}

/** What says itself how it is written, such as a date, is left to itself. */
function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !('toJSON' in value);
}
