const sevenPlaces = 36 ** 7;
// Shares no factor with 36, so that consecutive counts never meet the same receipt again.
const stride = 7_368_787n;

/**
 * Makes a source of M-Pesa receipts that look real (ten upper-case letters and digits) and never repeat, nor those of an
 * earlier simulator beside the same Redis: one payment pays one order.
 *
 * @param firstCount milliseconds by default, so that a simulator that makes fewer than a thousand a second may be restarted
 */
export function createReceiptMaker(firstCount = Date.now()): () => string {
  let count = firstCount % sevenPlaces;
  return () => {
    count += 1;
    return `SIM${Number((BigInt(count) * stride) % BigInt(sevenPlaces))
      .toString(36)
      .toUpperCase()
      .padStart(7, '0')}`;
  };
}
