import type { Json } from '../../domain/order.ts';
import type { OrderView } from '../../orders/view.ts';
import { redact } from '../../providers/redact.ts';

/** Replaces a value that is not shown. */
export const hidden = '[private]';

/** Redacts personal data and secrets for the pages. */
export interface Redaction {
  /** Redacts phone numbers and secrets in texts, and the values of private keys in metadata. The reference is kept. */
  view(view: OrderView): OrderView;
  /** Redacts a JSON value by the same rules as metadata. */
  json(value: Json): Json;
}

/** Deeper than any reasonable metadata. */
const maxDepth = 20;

/** @param privateKeys keys whose values are redacted at any depth, regardless of case */
export function createRedaction(privateKeys: readonly string[]): Redaction {
  const isPrivate = new Set(privateKeys.map((key) => key.toLowerCase()));

  function redactJson(value: Json, depth: number): Json {
    if (typeof value === 'string') return redact(value);
    // A phone number can be a JSON number.
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
