/**
 * Flags of answers. Gateways print them as booleans, as numbers and as words in any case: what decides about money must not
 * depend on which.
 */

const negatives = new Set([
  'false',
  'f',
  'no',
  'n',
  'off',
  'error',
  'fail',
  'failed',
  'failure',
  'unsuccessful',
]);
const positives = new Set(['true', 't', 'yes', 'y', 'on', 'ok', 'success', 'successful']);

/** Whether a flag says no, however it is spelt. One that is missing or empty says nothing. */
export function saysNo(flag: unknown): boolean {
  const word = wordOf(flag);
  return negatives.has(word) || (word !== '' && Number(word) === 0);
}

/** Whether a flag says yes, however it is spelt. */
export function saysYes(flag: unknown): boolean {
  const word = wordOf(flag);
  return positives.has(word) || Number(word) === 1;
}

/** Whether a flag was given that does not say yes: only a known yes, or nothing at all, leaves a success what it is. */
export function lacksYes(flag: unknown): boolean {
  const isGiven = flag != null && !(typeof flag === 'string' && flag.trim() === '');
  return isGiven && !saysYes(flag);
}

/** Whether anything was given other than this word, in any case and of any type: only the word, or nothing at all, agrees. */
export function lacksWord(said: unknown, word: string): boolean {
  const isNothing = said == null || (typeof said === 'string' && said.trim() === '');
  return !isNothing && wordOf(said) !== word.toLowerCase();
}

function wordOf(flag: unknown): string {
  const isPlain = typeof flag === 'boolean' || typeof flag === 'number' || typeof flag === 'string';
  return isPlain ? String(flag).trim().toLowerCase() : '';
}
