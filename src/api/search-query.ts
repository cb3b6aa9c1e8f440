import { z } from 'zod';
import { accountIdPattern } from '../domain/order.ts';
import { type OrderFilter, searchPhases, searchStatuses } from '../orders/order-filter.ts';
import { maxCursorLength } from './cursors.ts';

const metadataPrefix = 'metadata.';
const maxMetadataFilters = 5;

const once = 'must be given once, as text';
const instant = z.iso.datetime({
  offset: true,
  error: 'must be RFC 3339 with a time zone, such as 2026-11-27T00:00:00Z (in a URL, + is written %2B)',
});

/** The query of a search. Anything unknown is a fault: a misspelt filter would list every order. */
export const searchQuerySchema = z
  .object({
    status: z.enum(searchStatuses).optional().describe('Last published verdict; `none`: no verdict yet'),
    phase: z.enum(searchPhases).optional(),
    account: z.string(once).regex(accountIdPattern, 'must be the id of an account').optional(),
    reference: z
      .string(once)
      .min(1)
      .max(512)
      .optional()
      .describe(
        "The provider's identifier of the payment, in any spelling; where it has several fields, any of them",
      ),
    receipt: z
      .string(once)
      .min(1)
      .max(128)
      .optional()
      .describe('Receipt that any answer of the provider reported, in any spelling'),
    from: instant.optional().describe('Created at this time or later'),
    to: instant.optional().describe('Created before this time'),
    cursor: z
      .string(once)
      .regex(/^[\w-]+$/, 'must be `next` of the page before')
      .max(maxCursorLength)
      .optional()
      .describe('`next` of the page before; all other parameters stay the same'),
    limit: z.coerce.number().int().min(1).max(200).default(50).describe('Orders on a page'),
  })
  .catchall(z.unknown())
  // With the other faults, not after them.
  .superRefine(nameOtherFaults, { when: () => true });
export type SearchQuery = z.output<typeof searchQuerySchema>;

const filterNames: ReadonlySet<string> = new Set(Object.keys(searchQuerySchema.shape));

/** Faults of the parameters that have no schema of their own. */
function nameOtherFaults(query: { readonly [name: string]: unknown }, context: z.RefinementCtx): void {
  const others = Object.keys(query).filter((name) => !filterNames.has(name));
  for (const name of others) {
    const fault = metadataFault(name, query[name]);
    // Names are the sender's own text: control characters would reach a terminal.
    const path = [name.replace(/\p{C}/gu, '?').slice(0, 150)];
    if (fault !== null) context.addIssue({ code: 'custom', path, message: fault });
  }
  if (others.length > maxMetadataFilters)
    context.addIssue({ code: 'custom', path: ['metadata'], message: `at most ${maxMetadataFilters} keys` });
}

function metadataFault(name: string, value: unknown): string | null {
  if (!name.startsWith(metadataPrefix)) return 'is not a filter; see /docs';
  if (name.length === metadataPrefix.length || name.length > metadataPrefix.length + 128)
    return 'must name a metadata key of 1 to 128 characters';
  if (typeof value !== 'string') return once;
  return value.length > 512 ? 'must have at most 512 characters' : null;
}

/** The filter that a query stands for, of the accounts that its sender may see. */
export function filterOf(query: SearchQuery, accounts: readonly string[] | null): OrderFilter {
  const { status, phase, account, reference, receipt, from, to } = query;
  const metadata = Object.entries(query)
    .filter(([name]) => name.startsWith(metadataPrefix))
    .map(([name, value]) => ({ key: name.slice(metadataPrefix.length), value: String(value) }));
  return {
    ...{ status, phase, account, reference, receipt, accounts },
    ...(metadata.length > 0 && { metadata }),
    ...(from !== undefined && { from: Date.parse(from) }),
    ...(to !== undefined && { to: Date.parse(to) }),
  };
}
