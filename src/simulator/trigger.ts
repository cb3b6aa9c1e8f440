import { z } from 'zod';
import { simulatedOrderSchema } from './input.ts';
import { type ProviderId, providerIds } from './registry.ts';
import type { OrderScript } from './script.ts';
import type { ScriptedOrder } from './scripted-orders.ts';
import { plainStates } from './words.ts';

/** A payment that is moved by hand. */
export const triggerSchema = z.strictObject({
  reference: z.string().min(1).max(200),
  state: z.enum(plainStates, `A state is one of ${plainStates.join(', ')}.`),
  /** Needed for a new payment, and where several providers have one with this reference. */
  provider: z.enum(providerIds, `A provider is one of ${providerIds.join(', ')}.`).optional(),
  /** Needed for a new payment. */
  amount: z.string().optional(),
});
export type Trigger = z.output<typeof triggerSchema>;

/** The script with which a payment is in this state from now on, or what is wrong with the trigger. */
export function scriptOfTrigger(
  { reference, state, provider, amount }: Trigger,
  find: (provider: ProviderId, reference: string) => ScriptedOrder | undefined,
): { readonly script: OrderScript } | { readonly faults: readonly string[] } {
  const found = providerIds
    .filter((id) => provider === undefined || id === provider)
    .flatMap((id) => find(id, reference) ?? []);
  if (found.length > 1)
    return {
      faults: [
        `provider: ${found.map(({ script }) => script.provider).join(' and ')} have a payment ${reference}; name one with provider.`,
      ],
    };
  const timeline = [{ afterMs: 0, state }];
  const [known] = found;
  if (known !== undefined) {
    const { callbacks, amountPaid, ...script } = known.script;
    return { script: { ...script, timeline, callbacks: [], receipt: known.receipt } };
  }
  if (provider === undefined || amount === undefined)
    return {
      faults: [`reference: No payment is called ${reference}; name its provider and amount to begin one.`],
    };
  const parsed = simulatedOrderSchema.safeParse({ provider, reference, amount, timeline });
  if (parsed.success) return { script: parsed.data };
  return { faults: parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) };
}
