import { z } from 'zod';

/**
 * The kinds of fields that settings, references and answers are made of. Settings and references are strict. Answers are
 * loose: every field may be absent, and only a field that decides may make an answer unreadable by its type.
 */

/** Base address of an API, without the final slash. */
export function baseUrl() {
  return z.url({ protocol: /^https?$/ }).overwrite((url) => url.replace(/(?<!\/)\/+$/, ''));
}

/** A path on the base address. */
export function path() {
  return z.string().startsWith('/');
}

/** Text that may be shown. Trimmed: values pasted into an environment file bring blanks along. */
export function visibleText() {
  return z.string().trim().min(1);
}

/** A part of the login that may be shown: a name, a merchant number. */
export function credential() {
  return visibleText().meta({ credential: true });
}

/** A part of the login that must appear nowhere. */
export function secret() {
  return visibleText().meta({ credential: true, secret: true });
}

/** Values separated by commas. */
export function list() {
  return z.string().transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
}

/** One part of a reference, safe in a path: no control characters or lone surrogates, and neither `.` nor `..`. */
export const referenceText = z
  .string()
  .max(128)
  .regex(/^(?!\.{1,2}$)[^\p{C}]+$/u, 'must be 1 to 128 visible characters, and not . or ..');

/** A field that decides: text or absent. Of any other type it makes its section unreadable. */
export const text = z.string().nullish();

/** A code that was seen both as text and as a number. */
export const code = z.union([z.string(), z.number()]).nullish();

/**
 * An id, a reference or a receipt. Gateways print them as text or as a number; one that JSON cannot hold exactly is NaN by
 * now, and no id. Of any other type it makes its section unreadable.
 */
export const id = z.union([z.string(), z.int().transform(String)]).nullish();

/** An id whose absence is noticed later: a wrong type counts as absent. */
export const idNote = id.catch(null);

/** Whether something stands in the place of an id that is none: a list, an object. Beside a failure it may be a receipt. */
export function isUnreadableId(value: unknown): boolean {
  return isGiven(value) && !id.safeParse(value).success;
}

/** Text for people: a wrong type counts as absent. */
export const note = text.catch(null);

/** A value that is judged elsewhere, such as an amount. `z.unknown()` alone would insist that it is there. */
export const anything = z.unknown().optional();

/** What denies a success, or a failure, by being there. Kept as it came, whatever its type: `isGiven` says whether it is. */
export const denial = anything;

/**
 * Whether a field says anything. `null`, blanks, `false`, 0, {} and [] say nothing, nor does an object of nothing else: gateways
 * print those where there is no error and no refund. Without recursion: answers may be nested deeply.
 */
export function isGiven(value: unknown): boolean {
  const open = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'object' && next !== null) {
      for (const inner of Object.values(next)) open.push(inner);
    } else if (!isEmpty(next)) return true;
  }
  return false;
}

function isEmpty(value: unknown): boolean {
  return (
    value == null || value === false || value === 0 || (typeof value === 'string' && value.trim() === '')
  );
}

/**
 * A part of an answer that may deny what the rest says. Where it says nothing it is absent, as in `section`; of any other
 * shape it makes the answer unreadable, for nobody knows what it denies.
 */
export function denyingSection<Shape extends z.ZodRawShape>(shape: Shape) {
  return z
    .union([
      z.object(shape),
      z
        .unknown()
        .refine((value) => !isGiven(value))
        .transform(() => null),
    ])
    .optional();
}

/** A part of an answer; of any other shape it counts as absent, for gateways print "" or [] where they know nothing. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.object(shape).nullish().catch(null);
}
