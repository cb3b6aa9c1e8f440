import type { Random } from '../test/support/random.ts';

/**
 * How an order comes to speak of a payment that another order speaks of too:
 * - `same reference`: two orders name the payment alike, as when a stranger types in somebody else's code.
 * - `same receipt`: two references that lead to one receipt.
 * - `receipt as reference`: the reference is the receipt that another order's reference leads to.
 */
export type Sharing = 'same reference' | 'same receipt' | 'receipt as reference';

/** Of so many orders of one provider, the first may share its payment with the two behind it. */
const blockLength = 16;
const followers = 2;

/** Where an order stands among those of its provider that share one payment; `null` when its payment is its own. */
export interface Place {
  /** The place in the script of the order whose payment it is. */
  readonly leader: number;
  readonly isLeader: boolean;
}

/** Looks up an order's place. Each order draws from a source of its own, so the script's length changes nothing. */
export function placeOf(root: Random, index: number, providers: number, share: number): Place | null {
  const row = Math.floor(index / providers) % blockLength;
  if (row > followers) return null;
  const leader = index - row * providers;
  return root.fork(`payment ${leader}`).chance(share) ? { leader, isLeader: row === 0 } : null;
}

/** How a provider lets two orders speak of one payment. */
export function sharingsOf(provider: string): readonly Sharing[] {
  switch (provider) {
    case 'daraja-stk':
      // It never gives a receipt.
      return ['same reference'];
    case 'daraja':
    case 'vexora':
      return ['same reference', 'same receipt', 'receipt as reference'];
    default:
      return ['same reference', 'same receipt'];
  }
}
