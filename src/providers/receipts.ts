import { z } from 'zod';

/**
 * How receipts look. A provider declares its own form, so that a receipt of digits alone is not mistaken for a phone
 * number, and a phone number that stands where the receipt belongs is none.
 *
 * M-Pesa's have ten capitals and digits; sandboxes and resellers print others (`fv9n_TDX`, nine digits), and gateways the
 * literal NONE where there is none. What no form allows is a customer's number.
 */
export const mpesaReceipt = /^(?!(?:none|null|undefined)$)(?!(?:0|254)\d{9}$)[a-z0-9][a-z0-9_-]{3,63}$/i;

/** What is read for what people type: no blanks, however they look, full-width letters as plain ones, capitals. */
export function canonicalReceipt(typed: string): string {
  return typed
    .normalize('NFKC')
    .replace(/[\s\p{Z}\p{Cf}]/gu, '')
    .toUpperCase();
}

/**
 * An M-Pesa receipt as the reference of an order. Customers type it from an SMS, in lower case or with blanks; M-Pesa has
 * one spelling, and that is stored, compared and asked for. Anything that cannot be a receipt would be asked about until
 * its deadline, so it is refused.
 */
export const receiptReference = z
  .string()
  .max(128)
  .overwrite(canonicalReceipt)
  .regex(
    /^(?=.*[A-Z])[A-Z0-9]{10}$/,
    'must be an M-Pesa receipt: ten letters and digits, such as SH90HU7FO2',
  );
