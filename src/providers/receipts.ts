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
/** What sandboxes and resellers print in its place: `fv9n_TDX`, nine digits. Only a digit distinguishes it from a word, and only its length from a code. */
const resellerForm = /^(?=.*\d)(?!0\d{9}$|\d{1,5}$)[a-z0-9][a-z0-9_-]{3,63}$/i;
/** One character over and over stands for nothing, and neither does a gap that was left open. */
const filling = /^(.)(?:-?\1)*$|[_-]{2}|^[a-z]0+$/i;
/** A date, or a date and time: what some print when they have nothing else. */
const date =
  /^(?:(?:19|20)\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])[T_-]?(?:[01]\d|2[0-3])-?[0-5]\d(?:-?[0-5]\d)?Z?|[012]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|[12]\d|3[01])-(?:0[1-9]|[12]\d|3[01])-(?:19|20)\d\d)$/i;
/** Ids of requests: Safaricom's, and those that are random. */
const requestId = /^ws_CO_|^AG_\d{8}_|^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i;

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
  ...[
    'receipt',
    'reference',
    'code',
    'http',
    'order',
    'test',
    'nil',
    'status',
    'false',
    'true',
    'found',
    'available',
    'applicable',
    'assigned',
  ],
];
const numberedWord = new RegExp(
  `^[\\d_-]*((?:not[_-]?|un|no[_-]?)?(?:${numberedWords.join('|')}))[\\d_-]*$`,
  'i',
);

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
    !requestId.test(text) &&
    !isMasked(text) &&
    !isWord(text),
  // Some gateways print them in small letters.
  systemOf: (receipt) => (mpesaForm.test(receipt.toUpperCase()) ? 'mpesa-ke' : null),
};

/** What Airtel, Orange and others print: `MP240613.1015.A00001`. */
const dottedForm = /^(?=(?:.*\d){4})(?=.*[a-z])(?=.{6,64}$)[a-z0-9]+(?:\.[a-z0-9]+)+$/i;
/** What Wave prints, with digits or without: `T_ZQHYRNPLKM`. */
const waveForm = /^T_[A-Z0-9]{10,}$/;
/** Random ids are receipts of some systems; this one is none. */
const randomId = /^(?!0{8}-)[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i;
const wideForms = [dottedForm, waveForm, randomId];

/** Receipts of the mobile-money systems of many countries, where one gateway passes on all of them. */
export const mobileMoneyReceipt: ReceiptKind = {
  isReceipt: (text) =>
    mpesaReceipt.isReceipt(text) || (wideForms.some((form) => form.test(text)) && !isMasked(text)),
  systemOf: mpesaReceipt.systemOf,
};

/** A run of as many X is a mask: of real receipts of M-Pesa, one in two hundred thousand has it. In dotted ones two are enough. */
const mask = /\*|x{4,}|\.\w*x{2}/i;

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
