/** Who a result of Daraja names as the two sides of a payment: every value of the key, however often it stands there. */
export interface Parties {
  readonly debit: readonly string[];
  readonly credit: readonly string[];
}

/**
 * `incoming`: the answer says that the money came to us. `outgoing`: it says that it went to, or came from, somebody else.
 * `unsaid`: it says neither, which proves nothing.
 */
export type Direction = 'incoming' | 'outgoing' | 'unsaid';

/**
 * Which way the money went, read strictly: only a credit party that is ours, under every value of its key, shows that it
 * came to us. A customer as the debit party is no proof: a reversal or a payment to another shop names one too.
 *
 * @param shortCodes ours; `null` when they are not known, and then only an answer that names several parties is doubted
 */
export function directionOf({ debit, credit }: Parties, shortCodes: readonly string[] | null): Direction {
  if (shortCodes === null) return credit.length > 1 || debit.length > 1 ? 'unsaid' : 'incoming';
  const isOurs = (party: string) => shortCodes.includes(codeOf(party));
  if (credit.some((party) => !isOurs(party))) return 'outgoing';
  // From one short code of ours to another is no customer's payment.
  if (debit.length > 0 && debit.every(isOurs)) return 'outgoing';
  if (credit.length > 0) return 'incoming';
  return debit.some(isOurs) ? 'outgoing' : 'unsaid';
}

/** Parties read "600310 - Safaricom333". */
function codeOf(party: string): string {
  return party.split('-', 1)[0]?.trim() ?? '';
}
