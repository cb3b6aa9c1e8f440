import { constants, generateKeyPair, type KeyObject, privateDecrypt } from 'node:crypto';
import { promisify } from 'node:util';

/** The key pair behind Daraja's SecurityCredential (providers.md, 2.2: only the certificate's key matters). */
export interface InitiatorKey {
  /** The public key, SPKI in PEM: what a client encrypts the initiator's password with. */
  readonly certificate: string;
  /** The password inside a SecurityCredential (base64 of RSA with PKCS#1 v1.5 padding), if it can be opened. */
  decrypt(securityCredential: string): string | undefined;
}

const rememberedCredentials = 1_000;
const keyBits = 2_048;

/** Makes the key pair of one simulator's life. */
export async function createInitiatorKey(): Promise<InitiatorKey> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: keyBits });
  // A private-key operation costs most of a millisecond, and clients send one credential thousands of times.
  const opened = new Map<string, string | undefined>();
  return {
    certificate: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    decrypt(securityCredential) {
      if (opened.has(securityCredential)) return opened.get(securityCredential);
      if (opened.size >= rememberedCredentials) opened.clear();
      const password = open(pair.privateKey, Buffer.from(securityCredential, 'base64'));
      opened.set(securityCredential, password);
      return password;
    },
  };
}

// The padding is taken off by hand because not every build of Node decrypts with PKCS#1 v1.5 padding.
function open(key: KeyObject, sealed: Buffer): string | undefined {
  if (sealed.length !== keyBits / 8) return undefined;
  let block: Buffer;
  try {
    block = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, sealed);
  } catch {
    return undefined; // A number beyond the modulus: not something that our public key made.
  }
  const end = block.indexOf(0, 2);
  const padded = block[0] === 0 && block[1] === 2 && end >= 10;
  return padded ? block.subarray(end + 1).toString('utf8') : undefined;
}
