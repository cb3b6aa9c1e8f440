import type { Json } from '../../domain/order.ts';
import type { OrderView } from '../../orders/view.ts';
import { redact } from '../../providers/redact.ts';

/** What stands for a value that people are not shown. */
export const hidden = '[private]';

/** Redacts what nobody who looks at the pages needs to know. */
export interface Redaction {
  /** Texts lose phone numbers and secrets; metadata loses the values of private keys too. The reference stays. */
  view(view: OrderView): OrderView;
  /** Any value of JSON, by the same rules as metadata. */
  json(value: Json): Json;
}

/** Deeper than any metadata that makes sense. */
const maxDepth = 20;

/** @param privateKeys keys whose values are hidden at any depth, whatever their case */
export function createRedaction(privateKeys: readonly string[]): Redaction {
  const isPrivate = new Set(privateKeys.map((key) => key.toLowerCase()));

  function redactJson(value: Json, depth: number): Json {
    if (typeof value === 'string') return redact(value);
    // A phone number may well be written as a number.
    if (typeof value === 'number') return redact(String(value)) === String(value) ? value : hidden;
    if (typeof value !== 'object' || value === null) return value;
    if (depth === maxDepth) return hidden;
    if (Array.isArray(value)) return value.map((entry) => redactJson(entry, depth + 1));
    const entries = Object.entries(value).map(([key, entry]): [string, Json] => [
      redact(key),
      isPrivate.has(key.toLowerCase()) ? hidden : redactJson(entry, depth + 1),
    ]);
    return Object.fromEntries(entries);
  }

  return {
    view: (view) => ({
      ...view,
      history: view.history.map((entry) => ({
        ...entry,
        providerStatus: textOf(entry.providerStatus),
        providerMessage: textOf(entry.providerMessage),
      })),
      metadata: redactJson(view.metadata, 0) as OrderView['metadata'],
    }),
    json: (value) => redactJson(value, 0),
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? redact(value) : null;
}
