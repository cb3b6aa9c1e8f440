import { z } from 'zod';

/** How the receipts of a provider look, and who numbers them. */
export interface ReceiptKind {
  /** Whether a text can be a receipt. */
  isReceipt(text: string): boolean;
  /**
   * The system that numbers this receipt, where providers pass on the receipts of a system behind them: whichever of them
   * tells it, it is one payment. `null`: the provider itself.
   */
  systemOf(receipt: string): string | null;
}

/** M-Pesa's own form. Some receipts have no digit at all. */
const mpesaForm = /^(?!\d+$)[A-Z0-9]{10}$/;
/** What sandboxes and resellers print in its place: `fv9n_TDX`, nine digits. Only a digit distinguishes it from a word. */
const resellerForm = /^(?=.*\d)(?!(?:0|254)\d{9}$)[a-z0-9][a-z0-9_-]{3,63}$/i;
/** One character over and over stands for nothing. */
const filling = /^(.)\1*$/;

/** A date, or a date and time: what some print when they have nothing else. */
const date =
  /^20[2-4]\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])(?:[T_-]?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?Z?)?$/i;

/** Words that fill the field of the receipt and have the form of one: ten capital letters. */
const words = new Set([
  ...['SUCCESSFUL', 'PROCESSING', 'INPROGRESS', 'INCOMPLETE', 'AUTHORIZED', 'AUTHORISED', 'TERMINATED'],
  ...['UNRESOLVED', 'UNVERIFIED', 'UNASSIGNED', 'DUPLICATED', 'DISPATCHED', 'REGISTERED', 'RECONCILED'],
  ...['NOTAPPLIED', 'NOTPRESENT', 'NOTALLOWED', 'SUBMITTING', 'COMPLETING', 'GENERATING'],
]);

/** Words for a status, or for nothing, that digits make look like more: `pending1`, `not_found_404`. */
const numberedWords = [
  ...['pending', 'paid', 'null', 'none', 'known', 'defined', 'empty', 'missing', 'valid', 'invalid'],
  ...['fail', 'failed', 'failure', 'error', 'success', 'successful', 'complete', 'completed', 'incomplete'],
  ...[
    'cancel',
    'cancelled',
    'canceled',
    'expired',
    'rejected',
    'declined',
    'reversed',
    'refunded',
    'timeout',
  ],
  ...['waiting', 'awaiting', 'processing', 'initiated', 'queued', 'submitted', 'received', 'accepted'],
  ...['status', 'false', 'true', 'found', 'available', 'applicable', 'assigned'],
];
const numberedWord = new RegExp(`^[\\d_-]*((?:not[_-]?|un|no)?(?:${numberedWords.join('|')}))[\\d_-]*$`, 'i');

/** A word, digits around it or not. A real receipt of M-Pesa's form may happen to have the letters of a short one. */
function isWord(text: string): boolean {
  const [, word = ''] = numberedWord.exec(text) ?? [];
  return words.has(text) || word.length > (mpesaForm.test(text) ? 4 : 0);
}

/**
 * Receipts of M-Pesa in Kenya have ten capitals and digits; sandboxes and resellers print others. A customer's number is
 * none, nor is a word such as `success`, `NONE` or `n/a`.
 */
export const mpesaReceipt: ReceiptKind = {
  isReceipt: (text) =>
    (mpesaForm.test(text) || resellerForm.test(text)) &&
    !filling.test(text) &&
    !date.test(text) &&
    !isMasked(text) &&
    !isWord(text),
  // Some gateways print them in small letters.
  systemOf: (receipt) => (mpesaForm.test(receipt.toUpperCase()) ? 'mpesa-ke' : null),
};

/** What Airtel, Orange and others print: `MP240613.1015.A00001`. */
const dottedForm = /^(?=.*\d)(?=.{6,64}$)[a-z0-9]+(?:\.[a-z0-9]+)+$/i;

/** Receipts of the mobile-money systems of many countries, where one gateway passes on all of them. */
export const mobileMoneyReceipt: ReceiptKind = {
  isReceipt: (text) => mpesaReceipt.isReceipt(text) || (dottedForm.test(text) && !isMasked(text)),
  systemOf: mpesaReceipt.systemOf,
};

/** A run of as many X is a mask: of real receipts of M-Pesa, one in ten million has it. */
const mask = /\*|x{5,}/i;

/** Whether characters of a receipt are hidden, as in `C36*******67`: many payments look the same then, so it identifies none. */
export function isMasked(receipt: string): boolean {
  return mask.test(receipt);
}

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
