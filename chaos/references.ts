import type { Reference } from '../src/domain/order.ts';
import { type ProviderId, simulatedProvider } from '../src/simulator/simulator.ts';
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
  const hex = Array.from({ length: 20 }, () => random.between(0, 15).toString(16)).join('');
  const serial = index.toString(36).toUpperCase().padStart(5, '0');
  const receipt = `S${hex.slice(0, 4).toUpperCase()}${serial}`;
  const unique = { hex: `${hex.slice(0, 8)}${String(index).padStart(12, '0')}${hex.slice(8)}`, receipt };
  const forms = simulatedProvider(provider).references({ ...unique, digits: String(1_000_000_000 + index) });
  const usable = forms.filter(({ key }) => key !== receipt || !isNeverReceipt);
  return { ...random.pick(usable.length > 0 ? usable : forms), receipt };
}
