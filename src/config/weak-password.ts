import { z } from 'zod';

/** Words that common passwords are made of. */
const commonWords =
  /password|passwort|passwd|nywila|secret|changeme|change-me|letmein|welcome|karibu|qwerty|asdfgh|iloveyou|admin|operator|payment|poller|mpesa|safaricom|nairobi|kenya|login|test|1234567890|123456789|12345678|123456|12345|1234|abcdef|abc123|2024|2025|2026/g;

/** True for a long password that is easy to guess nevertheless. */
export function isWeakPassword(password: string): boolean {
  const text = password.toLowerCase();
  // Repetition of any piece: `xyzxyzxyzxyz`.
  const isRepeated = shortestPeriod(text) <= text.length / 2;
  const rest = text.replace(commonWords, '').replace(/[^\p{L}\p{N}]/gu, '');
  return isRepeated || new Set(text).size < 6 || new Set(rest).size < 4;
}

/** Length of the piece that the text repeats; the full length if it repeats none. */
function shortestPeriod(text: string): number {
  for (let length = 1; length <= text.length / 2; length += 1) {
    if ([...text].every((character, at) => at < length || character === text[at % length])) return length;
  }
  return text.length;
}

export const weakPasswordHelp =
  'is too easy to guess: generate one, for instance with `openssl rand -base64 18`, or use four unrelated words';

/** A password that a user of the pages may have. */
export const passwordSchema = z
  .string()
  .min(12, 'must have at least 12 characters')
  .max(512, 'must have at most 512 characters')
  .refine((password) => !isWeakPassword(password), weakPasswordHelp);
