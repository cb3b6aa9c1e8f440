import { redactPhoneNumbers } from './phone-numbers.ts';
import { isPlainCode, isStatusCode } from './status-code.ts';

/**
 * Provider text is for people, and it can carry what nobody should read: Daraja's 401.002.01 message echoes the access
 * token (docs/providers.md section 8, trap 10), several print phone numbers. Whatever a provider wrote passes here before it
 * is logged, stored or published. At most 200 characters are left.
 */
export function redact(text: string): string {
  const known = redacted.get(text);
  if (known !== undefined) return known;
  const clean = redactAnew(text);
  if (text.length > rememberedLength) return clean;
  if (redacted.size >= rememberedTexts) redacted.clear();
  redacted.set(text, clean);
  return clean;
}

/** Providers say the same few things over and over, and the patterns cost more than the rest of reading an answer. */
const redacted = new Map<string, string>();
const rememberedTexts = 1_000;
const rememberedLength = 200;

function redactAnew(text: string): string {
  const clean = redactPhoneNumbers(
    readable(text)
      .replace(named, (said: string, name: string, value: string) =>
        isPlainCode(value) ? said : `${name}[secret]`,
      )
      .replace(longOpaque, (run) => (isStatusCode(run) ? run : '[secret]'))
      .replace(email, '[email]'),
    '[phone]',
  );
  // A secret that the window cut in half may be too short to be seen as one.
  const whole = text.length > windowLength ? clean.slice(0, -longestPartial) : clean;
  return whole.slice(0, maxLength).replace(breaking, '').trim();
}

/** The beginning of a text as people see it: what hides between its characters hides nothing any more. */
export function readable(text: string): string {
  const window = text.slice(0, windowLength);
  // Full-width and other digits are digits, and hide nothing once they are written plainly.
  const plain = isAscii.test(window) ? window : window.normalize('NFKC').replace(otherDigits, asciiDigit);
  return plain.replace(invisible, '').replace(breaking, ' ');
}

const maxLength = 200;
const windowLength = 2_000;
const longestPartial = 40;

/** Zero-width and direction marks: they hide text, or split what the patterns below look for. */
const invisible = /\p{Cf}/gu;

/** Control characters, line separators and lone surrogates: they break terminals, logs and UTF-8. */
const breaking = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu;

const isAscii = /^[\t-\r -~]*$/;

/** Arabic-Indic, Persian and N'Ko digits, which NFKC leaves as they are. */
const otherDigits = /[\u0660-\u0669\u06f0-\u06f9\u07c0-\u07c9]/g;

function asciiDigit(digit: string): string {
  const code = digit.charCodeAt(0);
  const zero = [0x0660, 0x06f0, 0x07c0].findLast((start) => code >= start) ?? code;
  return String(code - zero);
}

/** `Invalid Access Token - abc`, `access_token=abc`, `Bearer abc`: short secrets that say what they are. */
const named =
  /((?:token|password|passwd|pwd|passkey|secret|credential|api[ _-]?key|consumer[ _-]?key|authorization|\bsign(?:ature)?)["']?\s{0,3}[-:=]\s{0,3}["']?(?:bearer\s|basic\s)?|\bBearer\s{1,3})(?!\[)([^\s"',;&]{4,})/gi;

/** A run that no person reads: tokens, keys, signatures, base64; long ids too, which is no loss. Receipts stay below. */
const longOpaque = /[A-Za-z0-9+/_=.%-]{28,}/g;

const email = /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,5}/gu;
