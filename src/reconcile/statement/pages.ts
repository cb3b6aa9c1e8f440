/** Numbers and texts of many rows, a few bytes each: objects would take ten times the memory. Grows without being copied. */

const pageBits = 16;
const pageSize = 1 << pageBits;
const within = pageSize - 1;

type Numbers = Uint8Array | Uint32Array | Float64Array;

/** A list of numbers of one kind. */
export interface Column {
  get(nth: number): number;
  /** Sets an entry; those that were never set are 0. */
  set(nth: number, value: number): void;
}

export function createColumn(kind: new (length: number) => Numbers): Column {
  const pages: Numbers[] = [];
  return {
    get: (nth) => pages[nth >>> pageBits]?.[nth & within] ?? 0,
    set(nth, value) {
      const page = nth >>> pageBits;
      while (pages.length <= page) pages.push(new kind(pageSize));
      (pages[page] as Numbers)[nth & within] = value;
    },
  };
}

/** Where a text is: its start in the store, and its bytes. */
export interface Stored {
  readonly at: number;
  readonly length: number;
}

const textPageBytes = 1 << 20;

/** Short texts, one after the other. */
export interface Texts {
  /** Adds a text of at most `longestText` bytes. */
  add(text: Buffer): Stored;
  read(stored: Stored): string;
  equals(stored: Stored, text: Buffer): boolean;
}

/** Longer texts are no receipt and no reference. */
export const longestText = 255;

export function createTexts(): Texts {
  const pages: Buffer[] = [];
  let end = 0;
  const slice = ({ at, length }: Stored): Buffer => {
    const page = pages[Math.floor(at / textPageBytes)] as Buffer;
    return page.subarray(at % textPageBytes, (at % textPageBytes) + length);
  };
  return {
    add(text) {
      // A text is never spread over two pages.
      if ((end % textPageBytes) + text.length > textPageBytes) end = pages.length * textPageBytes;
      if (end >= pages.length * textPageBytes) pages.push(Buffer.allocUnsafe(textPageBytes));
      const stored = { at: end, length: text.length };
      text.copy(slice(stored));
      end += text.length;
      return stored;
    },
    read: (stored) => (stored.length === 0 ? '' : slice(stored).toString('utf8')),
    equals: (stored, text) => stored.length === text.length && slice(stored).equals(text),
  };
}
