/** Names of fields that hold a credential or a customer's phone number. */
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

export const redactedText = '[redacted]';

const names = new Set(secretNames);

/**
 * Replaces the values of fields with these names, down to `levels` deep. A value without secrets is returned as it is, not
 * copied; a value that cannot be traversed is redacted as a whole.
 */
export function redacted(value: object, levels: number): unknown {
  try {
    return withoutSecrets(value, levels);
  } catch {
    return redactedText;
  }
}

function withoutSecrets(value: unknown, levels: number): unknown {
  if (typeof value !== 'object' || value === null || levels === 0) return value;
  // JSON.stringify would call toJSON later, and its result may contain secrets.
  const written: unknown = 'toJSON' in value && typeof value.toJSON === 'function' ? value.toJSON() : value;
  if (typeof written !== 'object' || written === null) return written;
  let copy: { [name: string]: unknown } | null = null;
  for (const [name, field] of Object.entries(written)) {
    const safe = names.has(name) ? redactedText : withoutSecrets(field, levels - 1);
    if (safe === field) continue;
    copy ??= (Array.isArray(written) ? [...written] : { ...written }) as { [name: string]: unknown };
    copy[name] = safe;
  }
  return copy ?? written;
}
