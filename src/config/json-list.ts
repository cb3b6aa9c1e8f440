import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The format of a setting that is a JSON list of named entries, e.g. API_KEYS. */
export interface ListFormat<Raw, Entry extends { readonly name: string }> {
  /** What an entry is called in messages: `key`, `user`. */
  readonly noun: string;
  readonly schema: z.ZodType<Raw>;
  /** The names of all fields, for the message about an unknown one. */
  readonly fields: string;
  /** Names that may appear in messages. Anything else could be a misplaced secret. */
  readonly nameSchema: z.ZodType<string>;
  toEntry(raw: Raw): Entry;
  /** The conflicts of an entry with those before it. */
  conflicts(entry: Entry, before: readonly Entry[]): readonly string[];
}

/**
 * A setting whose value is a JSON list or the path of a file that contains one. All faults are reported at once. They identify
 * entries by name or position and contain nothing else of the value.
 */
export function jsonListSchema<Raw, Entry extends { readonly name: string }>(format: ListFormat<Raw, Entry>) {
  return z.string().transform((text, context): readonly Entry[] => {
    const parsed = parseList(text, format);
    if ('entries' in parsed) return parsed.entries;
    for (const message of parsed.faults) context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

function parseList<Raw, Entry extends { readonly name: string }>(
  given: string,
  format: ListFormat<Raw, Entry>,
): { readonly entries: readonly Entry[] } | { readonly faults: readonly string[] } {
  const text = given.trimStart().startsWith('[') ? given : readText(given);
  if (text === null)
    return { faults: ['must be a JSON list, or the path of a readable file that contains one'] };
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return { faults: ['is not JSON'] };
  }
  if (!Array.isArray(list)) return { faults: [`must be a JSON list of ${format.noun}s`] };
  const faults: string[] = [];
  const entries: Entry[] = [];
  for (const [index, raw] of list.entries()) {
    const label = labelOf(raw, index, format);
    const parsed = hasPrototypeField(raw) ? null : format.schema.safeParse(raw);
    if (parsed === null) faults.push(`${label}: may only have the fields ${format.fields}`);
    else if (!parsed.success)
      faults.push(...parsed.error.issues.map((issue) => `${label}: ${faultOf(issue, format.fields)}`));
    else {
      const entry = format.toEntry(parsed.data);
      faults.push(...format.conflicts(entry, entries).map((conflict) => `${label}: ${conflict}`));
      entries.push(entry);
    }
  }
  return faults.length > 0 ? { faults } : { entries };
}

/** JSON can contain a field `__proto__`, which schemas ignore. */
function hasPrototypeField(raw: unknown): boolean {
  return typeof raw === 'object' && raw !== null && Object.hasOwn(raw, '__proto__');
}

function readText(path: string): string | null {
  try {
    return readFileSync(path.trim(), 'utf8');
  } catch {
    return null;
  }
}

function labelOf(
  raw: unknown,
  index: number,
  { noun, nameSchema }: Pick<ListFormat<unknown, { readonly name: string }>, 'noun' | 'nameSchema'>,
): string {
  const name = nameSchema.safeParse(typeof raw === 'object' && raw !== null && Reflect.get(raw, 'name'));
  return name.success ? `${noun} "${name.data}"` : `${noun} ${index + 1} of the list`;
}

/** The field and the fault, without the value or the name of an unknown field. */
function faultOf({ code, path, message }: z.core.$ZodIssue, fields: string): string {
  if (code === 'unrecognized_keys') return `may only have the fields ${fields}`;
  const [field] = path;
  if (code === 'invalid_type')
    return field === undefined ? 'must be an object' : `${String(field)} is missing or of the wrong type`;
  return `${String(field)} ${message}`;
}
