/** Sections that merchants fill with whatever they like. */
const theirOwn: ReadonlySet<string> = new Set(['metadata', 'custom_fields']);

/** A value of an answer that stands somewhere under a name that was looked for. */
export interface PrintedValue {
  /** Anything but an object or an array. */
  readonly value: unknown;
  /** Its own field has the name, and not only a field around it. */
  readonly isOwn: boolean;
}

/**
 * Every value that stands anywhere in an answer under such a name. Gateways print fields that no page names, and an adapter
 * reads only the places that it knows. Without recursion: answers may be nested deeply.
 */
export function* valuesUnder(body: unknown, isName: (name: string) => boolean): Generator<PrintedValue> {
  const open: { readonly value: unknown; readonly isNamed: boolean; readonly isOwn: boolean }[] = [
    { value: body, isNamed: false, isOwn: false },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, isNamed, isOwn } = next;
    if (typeof value !== 'object' || value === null) {
      if (isNamed) yield { value, isOwn };
      continue;
    }
    for (const [name, inner] of Object.entries(value)) {
      if (theirOwn.has(name.toLowerCase())) continue;
      const isIt = isName(name);
      open.push({ value: inner, isNamed: isNamed || isIt, isOwn: isIt });
    }
  }
}

/** The name of a field in small letters only, however it is written: `isReversed`, `is_reversed`, `Is-Reversed`. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '');
}
