/**
 * JSON lets an object name a key twice, and a parser keeps the last value without a word. An answer whose meaning depends
 * on that choice says two things at once.
 */

/** More repetitions of one key than this are no slip of a gateway. */
const mostRepetitions = 8;

/** Where a key stands in the text, and which of its object's keys of that name it is. */
interface Occurrence {
  readonly from: number;
  readonly to: number;
  readonly nth: number;
}

/**
 * The same JSON as a parser would see it that keeps the first of repeated keys, the second, and so on; none where no key
 * is repeated. `null`: too often to follow.
 *
 * @param text valid JSON
 */
export function otherReadings(text: string): readonly string[] | null {
  const repeated = repeatedKeys(text);
  const most = Math.max(1, ...repeated.map((each) => each.length));
  if (most > mostRepetitions) return null;
  return Array.from({ length: most - 1 }, (_, kept) => keepOnly(text, repeated, kept));
}

/**
 * The names of the keys that an object has more than once.
 *
 * @param text valid JSON
 */
export function repeatedNames(text: string): string[] {
  const names = repeatedKeys(text).map(([first]) => nameOf(text.slice(first?.from, first?.to)));
  return [...new Set(names)];
}

/** The occurrences of every key that its object has more than once. */
function repeatedKeys(text: string): Occurrence[][] {
  const repeated: Occurrence[][] = [];
  /** The open objects and lists; `null` stands for a list. */
  const open: (Map<string, Occurrence[]> | null)[] = [];
  let isKeyNext = false;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    const keys = open.at(-1) ?? null;
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Map() : null);
      isKeyNext = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      isKeyNext = false;
      for (const each of keys?.values() ?? []) if (each.length > 1) repeated.push(each);
    } else if (token === ',') {
      isKeyNext = keys !== null;
    } else if (isKeyNext && keys !== null) {
      // Two spellings of one key, `"a"` and `"\u0061"`, are the same to a parser.
      const name = nameOf(token);
      const known = keys.get(name) ?? [];
      known.push({ from: index, to: index + token.length, nth: known.length });
      keys.set(name, known);
      isKeyNext = false;
    }
  }
  return repeated;
}

function nameOf(token: string): string {
  return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
}

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

/** A name that no answer uses: whatever stands under it is dropped. */
const dropped = JSON.stringify('\u0000repeated');

/** The text in which only the occurrence number `kept` of each repeated key (or its last) has its name. */
function keepOnly(text: string, repeated: readonly Occurrence[][], kept: number): string {
  const lost = repeated
    .flatMap((each) => each.filter(({ nth }) => nth !== Math.min(kept, each.length - 1)))
    .sort((a, b) => a.from - b.from);
  let result = '';
  let at = 0;
  for (const { from, to } of lost) {
    result += text.slice(at, from) + dropped;
    at = to;
  }
  return result + text.slice(at);
}
