import fc from 'fast-check';

/** What strangers may put where a value belongs, as raw JSON: much of it cannot be made by `JSON.stringify`. */
export const hostileValues: readonly (readonly [name: string, json: string])[] = [
  ['null', 'null'],
  ['true', 'true'],
  ['false', 'false'],
  ['an empty text', '""'],
  ['a blank', '" "'],
  ['minus zero', '-0'],
  ['a number beyond all', '1e400'],
  ['a number below all', '-1e400'],
  ['a number too small to be', '1e-400'],
  ['twenty digits', '12345678901234567890'],
  ['minus twenty digits', '-12345678901234567890'],
  ['a fraction of many digits', `0.${'1'.repeat(400)}`],
  ['digits in a text', `"${'9'.repeat(400)}"`],
  ['an exponent in a text', '"1e3"'],
  ['other digits', '"\u0661\u0662"'],
  ['an empty list', '[]'],
  ['a list', '["Paid","SUCCESS","0"]'],
  ['an empty object', '{}'],
  ['an object', '{"toString":1,"valueOf":null,"length":-1}'],
  ['a prototype', '{"__proto__":{"status":"Paid","isAdmin":true}}'],
  ['a constructor', '{"constructor":{"prototype":{"status":"Paid"}}}'],
  ['the word __proto__', '"__proto__"'],
  ['the word constructor', '"constructor"'],
  ['the word toString', '"toString"'],
  ['lone surrogates', '"\\ud800 \\udfff\\ud800"'],
  ['NUL', '"\\u0000"'],
  ['control characters', '"\\u001b[2J\\r\\n\\u0007\\u2028"'],
  ['direction marks', '"\\u202ediaP"'],
  ['a byte order mark', '"\\ufeffPaid"'],
  ['markup', '"<script>alert(1)</script>"'],
  ['a command', '"\\r\\nFLUSHALL\\r\\n"'],
  ['a path', '"../../../etc/passwd"'],
  ['a template', '"{{7*7}} <%= 7*7 %> %s %n $(id)"'],
];

/** As above, and large: used where it matters. */
export const hugeValues: readonly (readonly [name: string, json: string])[] = [
  ['a megabyte of text', `"${'x'.repeat(1_000_000)}"`],
  ['100,000 nested lists', nested('[', '0', ']')],
  ['100,000 nested objects', nested('{"a":', '0', '}')],
  ['100,000 entries', `[${'0,'.repeat(99_999)}0]`],
  ['10,000 keys', `{${Array.from({ length: 10_000 }, (_, nth) => `"k${nth}":0`).join(',')}}`],
];

function nested(open: string, middle: string, close: string): string {
  return `${open.repeat(100_000)}${middle}${close.repeat(100_000)}`;
}

/** Whole documents that are no order, no answer and no event. */
export const hostileDocuments: readonly (readonly [name: string, text: string | Uint8Array])[] = [
  ['nothing', ''],
  ['a blank', ' '],
  ['NUL', '\u0000'],
  ['HTML', '<!DOCTYPE html><html><body>Paid</body></html>'],
  ['half a text', '"Pai'],
  ['open brackets', '['.repeat(100_000)],
  ['open braces', '{"a":'.repeat(100_000)],
  ['two documents', '{}{}'],
  ['a comment', '{/* */}'],
  ['a trailing comma', '{"a":1,}'],
  ['NaN', '{"a":NaN}'],
  ['a leading zero', '{"a":01}'],
  ['text that is no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
  ['UTF-16', Buffer.from('{"status":"Paid"}', 'utf16le')],
  ['a gzip header', new Uint8Array([0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00])],
  ...hostileValues,
  ...hugeValues,
];

const placeholder = '@here@';

/** The JSON of `body` with raw JSON in place of the value at a dotted path. */
export function withRaw(body: object, path: string, json: string): string {
  const copy = structuredClone(body);
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const parent = keys.reduce<unknown>((at, key) => (at as { [key: string]: unknown })[key], copy);
  (parent as { [key: string]: unknown })[last] = placeholder;
  return JSON.stringify(copy).replace(`"${placeholder}"`, () => json);
}

/** The JSON of `body` in which the key at a dotted path stands twice; the last one counts. */
export function withTwice(body: object, path: string, first: string, last: string): string {
  const key = path.split('.').at(-1) ?? '';
  return withRaw(body, path, `${first},${JSON.stringify(key)}:${last}`);
}

/** All dotted paths into a value, to the containers too. */
export function pathsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, each]) =>
    pathsOf(each, path === '' ? key : `${path}.${key}`),
  );
  return path === '' ? below : [path, ...below];
}

/** The own value at a dotted path, `undefined` where there is none: a prototype counts for nothing. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => {
    return typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined;
  }, value);
}

/**
 * JSON made of the words that a parser knows and of nonsense, so that much of it gets far. Keys need no escapes: V8 may
 * misread escaped ones (nodejs/node issue 63785).
 */
export function documentsOf(keys: readonly string[], values: readonly unknown[]): fc.Arbitrary<unknown> {
  const leaf = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...values) },
    fc.constantFrom(null, true, '', 0, -0, -1, 1e300, '__proto__', 'constructor', '\ud800', '\u0000'),
    fc.string({ maxLength: 20 }),
    fc.double({ noNaN: true }),
  );
  const key = fc.constantFrom(...keys, 'toString', 'constructor', 'length');
  const { document } = fc.letrec<{ document: unknown }>((tie) => ({
    document: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      leaf,
      fc.dictionary(key, tie('document'), { maxKeys: 8 }),
      fc.array(tie('document'), { maxLength: 3 }),
    ),
  }));
  return document;
}

/** All keys and all leaves of some samples. */
export function vocabularyOf(samples: readonly unknown[]): { keys: string[]; values: unknown[] } {
  const [keys, values] = [new Set<string>(), new Set<unknown>()];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) {
      values.add(value);
      return;
    }
    for (const [key, each] of Object.entries(value)) {
      if (!Array.isArray(value)) keys.add(key);
      walk(each);
    }
  };
  samples.forEach(walk);
  return { keys: [...keys], values: [...values] };
}
