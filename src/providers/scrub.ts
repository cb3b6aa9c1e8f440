/**
 * Provider text is for people, and it can carry what nobody should read: Daraja's 401.002.01 message echoes the access
 * token (docs/providers.md section 8, trap 10), several print phone numbers. Whatever a provider wrote passes here before it
 * is logged, stored or published. At most 200 characters are left.
 */
export function scrub(text: string): string {
  const known = scrubbed.get(text);
  if (known !== undefined) return known;
  const clean = scrubAnew(text);
  if (text.length > rememberedLength) return clean;
  if (scrubbed.size >= rememberedTexts) scrubbed.clear();
  scrubbed.set(text, clean);
  return clean;
}

/** Providers say the same few things over and over, and the patterns cost more than the rest of reading an answer. */
const scrubbed = new Map<string, string>();
const rememberedTexts = 1_000;
const rememberedLength = 200;

function scrubAnew(text: string): string {
  const readable = text.slice(0, windowLength).replace(invisible, '').replace(breaking, ' ');
  const clean = readable
    .replace(named, '$1[secret]')
    .replace(longOpaque, '[secret]')
    .replace(phoneNumber, '[phone]');
  // A secret that the window cut in half may be too short to be seen as one.
  const whole = text.length > windowLength ? clean.slice(0, -longestPartial) : clean;
  return whole.slice(0, maxLength).replace(breaking, '').trim();
}

const maxLength = 200;
const windowLength = 2_000;
const longestPartial = 40;

/** Zero-width and direction marks: they hide text, or split what the patterns below look for. */
const invisible = /\p{Cf}/gu;

/** Control characters, line separators and lone surrogates: they break terminals, logs and UTF-8. */
const breaking = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** `Invalid Access Token - abc`, `password=abc`, `Bearer abc`: short secrets that say what they are. */
const named =
  /(\b(?:token|password|passkey|secret|api[ _-]?key|sign(?:ature)?|authorization)["']?\s{0,3}[-:=]\s{0,3}["']?(?:bearer\s|basic\s)?|\bBearer\s{1,3})(?!\[)[^\s"',;]{4,}/gi;

/** A run that no person reads: tokens, keys, signatures, base64; long ids too, which is no loss. Receipts stay below. */
const longOpaque = /[A-Za-z0-9+/_=.%-]{28,}/g;

/** Kenyan and other East African numbers, international, local or bare, perhaps spaced, bracketed or partly masked. */
const phoneNumber =
  /(?<!\d)(?:(?:\+|00)?(?:254|255|256|250|251|257|211)[\p{Zs}\p{Pd}.()]{0,2}0?[\p{Zs}\p{Pd}.()]{0,2}[1-9](?:[\p{Zs}\p{Pd}.()]{0,2}[\d*]){8}|0[17][\d*]{2}(?:[\p{Zs}\p{Pd}.()]{0,2}[\d*]){6}|[17]\d{8})(?!\d)/gu;
