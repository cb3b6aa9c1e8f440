import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { Push, SignatureCheck, SignatureRules } from './callback-rules.ts';
import { headerText } from './callback-signature.ts';
import { visibleText } from './fields.ts';

/**
 * HTTP Message Signatures (RFC 9421) with the digest of the body (RFC 9530), as pawaPay signs its callbacks. Only asymmetric
 * keys. A signature that does not cover the body proves nothing about it, and is wrong.
 */
export interface HttpSignatureRules<Settings> {
  /** The provider's public key, PEM; `undefined` where the account has none. */
  publicKey(settings: Settings): string | undefined;
  isRequired?(settings: Settings): boolean;
}

/** The setting for such a key: its line breaks may be written as `\\n`. */
export function publicKeyPem() {
  return visibleText().refine(isPublicKey, 'must be a public key in PEM: -----BEGIN PUBLIC KEY-----');
}

export function httpMessageSignature<Settings>(
  rules: HttpSignatureRules<Settings>,
): SignatureRules<Settings> {
  return {
    verify(push, settings, _body, now): SignatureCheck {
      const pem = rules.publicKey(settings);
      if (pem === undefined) return 'unverifiable';
      const [input, signature] = [headerText(push, 'signature-input'), headerText(push, 'signature')];
      if (input === null && signature === null) return 'absent';
      try {
        return isValid(push, parse(input ?? '', signature ?? ''), publicKeyOf(pem), now) ? 'valid' : 'wrong';
      } catch {
        return 'wrong'; // A key that cannot be used, or text that is no signature.
      }
    },
    ...(rules.isRequired && { isRequired: rules.isRequired }),
  };
}

interface Parsed {
  /** Everything behind `label=`, as it is signed. */
  readonly parameters: string;
  readonly components: readonly string[];
  readonly alg: string | undefined;
  readonly expires: number | undefined;
  readonly signature: Buffer;
}

/** The first signature that both headers speak of. */
function parse(input: string, signatures: string): Parsed | null {
  const [, label, parameters, list] = /^\s*([a-z*][\w.*-]*)=((\([^()]*\))(?:;[^,]*)?)/i.exec(input) ?? [];
  if (label === undefined || parameters === undefined || list === undefined) return null;
  const found = signatures.split(',').find((each) => each.trim().startsWith(`${label}=:`));
  const encoded = /=:([A-Za-z0-9+/]+=*):\s*$/.exec(found ?? '')?.[1];
  if (encoded === undefined) return null;
  const expires = /;expires=(\d{1,12})(?:;|$)/.exec(parameters)?.[1];
  return {
    parameters: parameters.trim(),
    components: [...list.matchAll(/"([^"]*)"(?:;[^\s)]*)?/g)].map(
      ([whole, name = '']) => (whole === `"${name}"` ? name : ''), // Parameters of a component are not supported: it has no value, and fails.
    ),
    alg: /;alg="([^"]*)"/.exec(parameters)?.[1],
    expires: expires === undefined ? undefined : Number(expires),
    signature: Buffer.from(encoded, 'base64'),
  };
}

function isValid(push: Push, parsed: Parsed | null, key: KeyObject, now: number): boolean {
  if (parsed === null || (parsed.expires !== undefined && parsed.expires * 1_000 < now)) return false;
  if (!parsed.components.includes('content-digest') || !isDigestOf(push)) return false;
  const lines = parsed.components.map((name) => [name, componentValue(push, name)] as const);
  if (lines.some(([, value]) => value === null)) return false;
  const base = [...lines, ['@signature-params', parsed.parameters] as const]
    .map(([name, value]) => `"${name}": ${value}`)
    .join('\n');
  return isSignedBy(key, parsed, Buffer.from(base, 'utf8'));
}

/** The key decides on the algorithm, never the message: `alg` may only agree. */
function isSignedBy(key: KeyObject, { alg, signature }: Parsed, base: Buffer): boolean {
  switch (key.asymmetricKeyType) {
    case 'ec': {
      const hash = key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'sha384' : 'sha256';
      // The RFC wants r and s side by side; libraries that forget it send DER.
      return (['ieee-p1363', 'der'] as const).some((dsaEncoding) =>
        verify(hash, base, { key, dsaEncoding }, signature),
      );
    }
    case 'rsa':
      return alg === 'rsa-pss-sha512'
        ? verify('sha512', base, { key, padding: 6, saltLength: 64 }, signature)
        : verify('sha256', base, key, signature);
    case 'ed25519':
      return verify(null, base, key, signature);
    default:
      return false;
  }
}

/** `null`: not something that a signature may cover here. */
function componentValue(push: Push, name: string): string | null {
  const [path = '', query = ''] = push.target.split(/(?=\?)/);
  switch (name) {
    case '@method':
      return push.method.toUpperCase();
    case '@authority':
      return push.authority.toLowerCase();
    case '@path':
      return path;
    case '@query':
      return query === '' ? '?' : query;
    case '@request-target':
      return push.target;
    default:
      return name === '' || name.startsWith('@') ? null : (headerText(push, name)?.trim() ?? null);
  }
}

function isDigestOf(push: Push): boolean {
  const digests = [
    ...(headerText(push, 'content-digest') ?? '').matchAll(/(sha-(?:256|512))=:([A-Za-z0-9+/]+=*):/g),
  ];
  return (
    digests.length > 0 &&
    digests.every(
      ([, name = '', value]) =>
        createHash(name.replace('-', '')).update(push.rawBody).digest('base64') === value,
    )
  );
}

function isPublicKey(pem: string): boolean {
  try {
    return publicKeyOf(pem).type === 'public';
  } catch {
    return false;
  }
}

function publicKeyOf(pem: string): KeyObject {
  return createPublicKey(pem.replaceAll('\\n', '\n'));
}
