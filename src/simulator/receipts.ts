const sevenPlaces = 36 ** 7;
// Shares no factor with 36, so that consecutive counts never meet the same receipt again.
const stride = 7_368_787;

/** Makes a source of M-Pesa receipts that look real (ten upper-case letters and digits) and never repeat. */
export function createReceiptMaker(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `SIM${((count * stride) % sevenPlaces).toString(36).toUpperCase().padStart(7, '0')}`;
  };
}
