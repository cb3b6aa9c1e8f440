import { z } from 'zod';

/** What a person notes about an order or an account: a line or two of plain text. `must` says what is missing. */
export function noteOf(must: string) {
  return (
    z
      .string(must)
      .trim()
      .min(1, must)
      .max(500, 'must have at most 500 characters')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .refine((text) => !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text), 'must be plain text')
  );
}
