/**
 * How receipts look. A provider declares its own form, so that a receipt of digits alone is not mistaken for a phone
 * number, and a phone number that stands where the receipt belongs is none.
 *
 * M-Pesa's have ten capitals and digits; sandboxes and resellers print others (`fv9n_TDX`, nine digits), and gateways the
 * literal NONE where there is none. What no form allows is a customer's number.
 */
export const mpesaReceipt = /^(?!(?:none|null|undefined)$)(?!(?:0|254)\d{9}$)[a-z0-9][a-z0-9_-]{3,63}$/i;
