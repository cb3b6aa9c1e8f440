import { createHash } from 'node:crypto';

/**
 * Remembers many ids in 12 to 24 bytes each: by 64 bits of a hash, so that one in about 10^13 is taken for another. Only
 * counts depend on it.
 */
export function createSeen() {
  let table = new BigUint64Array(1 << 12);
  let count = 0;

  function place(within: BigUint64Array, value: bigint): number {
    const mask = within.length - 1;
    let at = Number(value & BigInt(mask));
    while (within[at] !== 0n && within[at] !== value) at = (at + 1) & mask;
    return at;
  }

  return {
    /** True the first time that an id is given. */
    add(id: string): boolean {
      const value = createHash('sha1').update(id).digest().readBigUInt64LE() || 1n;
      const at = place(table, value);
      if (table[at] === value) return false;
      table[at] = value;
      count += 1;
      if (count * 3 > table.length * 2) {
        const larger = new BigUint64Array(table.length * 2);
        for (const known of table) if (known !== 0n) larger[place(larger, known)] = known;
        table = larger;
      }
      return true;
    },
  };
}
