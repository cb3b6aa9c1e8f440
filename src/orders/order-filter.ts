import { type VerdictStatus, verdictStatuses } from '../domain/order.ts';
import { type LookupValue, metadataText, receiptsIn } from './lookup-index.ts';
import type { OrderRecord } from './record.ts';

/** What a search can be narrowed to by the state of an order. `none`: no verdict yet. */
export const searchStatuses = [...verdictStatuses, 'none'] as const;
export type SearchStatus = (typeof searchStatuses)[number];
export const searchPhases = ['asking', 'watching', 'closed'] as const;

/** Which orders to find. Everything that is given must hold. */
export interface OrderFilter {
  readonly status?: SearchStatus | undefined;
  readonly phase?: (typeof searchPhases)[number] | undefined;
  readonly account?: string | undefined;
  /** What the provider calls the order, in any spelling; of a reference with several fields, any one of them. */
  readonly reference?: string | undefined;
  /** Of any reading, so that doubtful payments are found too. In any spelling. */
  readonly receipt?: string | undefined;
  readonly metadata?: readonly { readonly key: string; readonly value: string }[] | undefined;
  /** `createdAt` from, inclusive, and to, exclusive. Epoch ms. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Only orders of these accounts; `null` for all. What the reader may see, not what was asked for. */
  readonly accounts: readonly string[] | null;
}

/** The state of an order by which most are ruled out before their records are read. */
export interface OrderState {
  readonly account: string;
  readonly phase: string;
  readonly status: VerdictStatus | null;
}

/** Whether an order in this state can match. */
export function canMatch(filter: OrderFilter, { account, phase, status }: OrderState): boolean {
  return (
    (filter.accounts === null || filter.accounts.includes(account)) &&
    (filter.account === undefined || filter.account === account) &&
    (filter.phase === undefined || filter.phase === phase) &&
    (filter.status === undefined || filter.status === (status ?? 'none'))
  );
}

/** Whether an order matches. Pure. */
export function matches(filter: OrderFilter, record: OrderRecord): boolean {
  const { order, progress, history } = record;
  const state = { account: order.account, phase: progress.phase, status: progress.verdict?.status ?? null };
  const { reference, receipt, metadata = [], from = 0, to = Number.POSITIVE_INFINITY } = filter;
  return (
    canMatch(filter, state) &&
    order.createdAt >= from &&
    order.createdAt < to &&
    (reference === undefined || namesOf(record).some((name) => isSame(name, reference))) &&
    (receipt === undefined || receiptsIn(history).some((each) => isSame(each, receipt))) &&
    metadata.every(({ key, value }) => metadataText(order.metadata, key) === value)
  );
}

/** The indexed value by which to look up the orders; `null` if the filter has none. */
export function lookupOf(filter: OrderFilter, indexedMetadata: readonly string[]): LookupValue | null {
  const { receipt, reference, metadata = [] } = filter;
  if (receipt !== undefined) return { kind: 'receipt', value: receipt };
  if (reference !== undefined) return { kind: 'reference', value: reference };
  const indexed = metadata.find(({ key }) => indexedMetadata.includes(key));
  return indexed === undefined ? null : { kind: 'metadata', ...indexed };
}

/** The one account that all matches belong to, if the filter says so. */
export function accountOf({ account, accounts }: OrderFilter): string | undefined {
  return account ?? (accounts?.length === 1 ? accounts[0] : undefined);
}

function namesOf({ order: { reference } }: OrderRecord): string[] {
  return typeof reference === 'string'
    ? [reference]
    : [...Object.values(reference), JSON.stringify(reference)];
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
