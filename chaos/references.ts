import type { Reference } from '../src/domain/order.ts';
import type { ProviderId } from '../src/simulator/simulator.ts';
import type { Random } from '../test/support/random.ts';

/** What a provider knows a payment by. */
export interface Named {
  /** What the simulator is asked by. */
  readonly key: string;
  readonly reference: Reference;
  /** The receipt of the payment, should it be paid. */
  readonly receipt: string;
}

/**
 * A reference of the form that the provider hands out; the index keeps it unique.
 *
 * @param isNeverReceipt where a provider is asked by receipts too, the reference is not one
 */
export function referenceFor(
  random: Random,
  provider: ProviderId,
  index: number,
  isNeverReceipt = false,
): Named {
  const hex = Array.from({ length: 24 }, () => random.between(0, 15).toString(16)).join('');
  const serial = index.toString(36).toUpperCase().padStart(5, '0');
  const receipt = `S${hex.slice(0, 4).toUpperCase()}${serial}`;
  const named = (key: string, reference: Reference = key): Named => ({ key, reference, receipt });
  switch (provider) {
    case 'jenga':
      return named(`OR${1_000_000_000 + index}`);
    case 'daraja-stk':
      return named(`ws_CO_${hex.slice(0, 10)}${index}`);
    case 'daraja': {
      if (random.chance(0.7) && !isNeverReceipt) return named(receipt);
      const conversation = `29112-${34_620_000 + index}-1`;
      return named(conversation, { originatorConversationId: conversation });
    }
    case 'vexora': {
      if (random.chance(0.5) && !isNeverReceipt) return named(receipt);
      const tradeNo = `T${hex.slice(0, 8)}${index}`;
      return named(tradeNo, { tradeNo });
    }
    case 'lipia': {
      const key = `${hex.slice(0, 18)}${String(index).padStart(6, '0')}`;
      return named(key, { transactionReference: key, externalReference: key });
    }
    case 'tanda':
      return named(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-4000-8000-${String(index).padStart(12, '0')}`);
  }
}
