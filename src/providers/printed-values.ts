/** Sections that merchants fill with whatever they like. */
const theirOwn: ReadonlySet<string> = new Set(['metadata', 'custom_fields']);

/** A value of an answer that stands somewhere under a name that was looked for. */
export interface PrintedValue {
  /** Anything but an object or an array. */
  readonly value: unknown;
  /** The name of its own field, as it is printed. */
  readonly name: string;
  /** Whether its own field has a name that was looked for, and not only a field around it. */
  readonly isOwn: boolean;
  /** Whether it stands in a list: what is said there may be said of another attempt than the one that counts. */
  readonly isListed: boolean;
}

/**
 * Every value that stands anywhere in an answer under such a name. Gateways print fields that no page names, and an adapter
 * reads only the places that it knows. Pairs such as `{"Key": "Currency", "Value": "KES"}` count as fields. Without
 * recursion: answers may be nested deeply.
 */
export function* valuesUnder(body: unknown, isName: (name: string) => boolean): Generator<PrintedValue> {
  const open: (PrintedValue & { readonly isNamed: boolean })[] = [];
  const add = (value: unknown, name: string, around: { isNamed: boolean; isListed: boolean }) => {
    const isOwn = isName(name);
    open.push({ value, name, isOwn, isNamed: around.isNamed || isOwn, isListed: around.isListed });
  };
  open.push({ value: body, name: '', isOwn: false, isNamed: false, isListed: false });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, name, isOwn, isNamed, isListed } = next;
    if (typeof value !== 'object' || value === null) {
      if (isNamed) yield { value, name, isOwn, isListed };
    } else if (Array.isArray(value)) {
      for (const inner of value) open.push({ value: inner, name, isOwn, isNamed, isListed: true });
    } else {
      for (const [field, inner] of Object.entries(value)) {
        if (!theirOwn.has(field.toLowerCase())) add(inner, field, { isNamed, isListed });
      }
      const { Key, Value } = value as { readonly Key?: unknown; readonly Value?: unknown };
      // A list of pairs is one object in another form.
      if (typeof Key === 'string') add(Value, Key, { isNamed, isListed: false });
    }
  }
}

/** The name of a field in small letters only, however it is written: `isReversed`, `is_reversed`, `Is-Reversed`. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '');
}
