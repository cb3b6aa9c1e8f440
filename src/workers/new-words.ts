/** Remembers which unrecognised words of an account were seen, so that each is reported once. */
export interface NewWords {
  isNew(word: string | null): boolean;
}

/** A provider that invents a word per answer must not fill the memory; beyond this, words are no longer reported. */
const limit = 1_000;

export function createNewWords(): NewWords {
  const seen = new Set<string | null>();
  return {
    isNew(word) {
      if (seen.has(word) || seen.size >= limit) return false;
      seen.add(word);
      return true;
    },
  };
}
