/**
 * Is this shaped as gateways shape their status codes: `NOT_ALLOWED_TARGET_ENVIRONMENT`, `500.001.1001`, `E000002`,
 * `policies.ratelimit.SpikeArrestViolation`? Such a word is read by people and matched by overrides, so it is never
 * redacted, however long it is. A secret has no such shape: it mixes letters and digits, and has no words.
 */
export function isStatusCode(text: string): boolean {
  return isPlainCode(text) || (text.length <= mostCharacters && isOfWords(text));
}

/** The same without words in lower case, which behind `password=` could be one. */
export function isPlainCode(text: string): boolean {
  return text.length <= mostCharacters && plain.test(text);
}

const mostCharacters = 100;
const plain = /^(?:[1-5]\d\d(?:\.\d{2,4}){1,2}|[A-Z]\d{6}|[A-Z]{2,20}(?:_[A-Z]{2,20})+)$/;

/** At least two words of a language, joined by `_`, `.` or `/` (a status and its reason). */
function isOfWords(text: string): boolean {
  const parts = text.split(/[_./]/);
  return parts.length >= 2 && parts.every((part) => word.test(part));
}

/** `TARGET`, `target`, `SpikeArrestViolation`, or a short number. */
const word = /^(?:[A-Z]{1,20}|[A-Z]?[a-z]{1,19}(?:[A-Z][a-z]{1,19}){0,3}|\d{1,3})$/;
