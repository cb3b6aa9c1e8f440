import type { Provider } from './provider.ts';
import { isMasked, mpesaReceipt } from './receipts.ts';

/**
 * Where equal references mean one payment: at one merchant of a provider, whatever account asks for it with whatever
 * credentials, or at the whole provider where no two merchants have the same. Part of a key's name.
 */
export function referenceScope(provider: Provider, settings: { readonly [name: string]: unknown }): string {
  // Encoded, so that no value can look like two.
  return [provider.id, ...provider.merchant.map((name) => encodeURIComponent(String(settings[name])))].join(
    ':',
  );
}

/**
 * Where equal receipts mean one payment: the system that numbers them, or the provider. Part of a key's name. `null`: nowhere,
 * because the receipt is masked, and payments of other orders may look the same.
 */
export function receiptScope({ id, receipt: kind = mpesaReceipt }: Provider, receipt: string): string | null {
  if (isMasked(receipt)) return null;
  return kind.systemOf(receipt) ?? id;
}
