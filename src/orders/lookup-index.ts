import { createHash } from 'node:crypto';
import type { Evidence } from '../domain/evidence.ts';
import type { Json, Order } from '../domain/order.ts';
import type { Keys } from '../redis/keys.ts';
import { referenceName } from './ownership.ts';

/**
 * The index by which orders are found: by what the provider calls them, by receipt and by the metadata keys in
 * `INDEXED_METADATA`. It consists of sorted sets whose scores are all 0, so that Redis orders their members by their bytes:
 * `<hash of the value><hash of the account><createdAt><orderId>`. One range then finds all orders with a value, by account and age.
 *
 * Values are hashed, which makes every entry equally short and keeps personal data out of the index. A reader compares the value
 * with the record, so a collision costs one comparison. The entries of all values share a fixed number of keys: a key of its own
 * for every value would take three times the memory.
 */
export const indexSize = 2 ** 14;
const [valueLength, accountLength, timeLength] = [8, 2, 9] as const;

/** What orders are found by. */
export type LookupValue =
  | { readonly kind: 'reference' | 'receipt'; readonly value: string }
  | { readonly kind: 'metadata'; readonly key: string; readonly value: string };

/** What the index needs to know of an order. */
export type IndexedOrder = Pick<Order, 'orderId' | 'account' | 'reference' | 'createdAt' | 'metadata'>;

/** One entry of an order in the index. */
export interface IndexEntry {
  readonly key: string;
  readonly member: string;
}

/** Where the orders with a value are listed. */
export interface IndexRange {
  readonly key: string;
  /** All members that begin with this belong to the value, and to the account if one was given. */
  readonly prefix: string;
}

/** Where the orders with a value are listed; with an account, those of this account. */
export function rangeOf(keys: Keys, value: LookupValue, account?: string): IndexRange {
  const digest = sha256(textOf(value));
  const hash = digest.toString('base64url').slice(0, valueLength);
  const ofAccount = account === undefined ? '' : accountHash(account);
  return { key: keys.lookup(digest.readUInt16BE(30) % indexSize), prefix: `${hash}${ofAccount}` };
}

/**
 * The entries of a new order.
 *
 * @param names further names by which the provider may call it
 * @param metadataKeys the indexed keys of its metadata
 */
export function entriesOf(
  keys: Keys,
  order: IndexedOrder,
  names: readonly string[],
  metadataKeys: readonly string[],
): IndexEntry[] {
  const references = [referenceName(order.reference), ...names];
  const values: LookupValue[] = references.map((value) => ({ kind: 'reference', value }));
  for (const key of metadataKeys) {
    const value = metadataText(order.metadata, key);
    if (value !== null) values.push({ kind: 'metadata', key, value });
  }
  return withoutRepeats(values.map((value) => entryOf(keys, order, value)));
}

/** The entries of an order for the receipts in its history, except those that it had `before`. */
export function receiptEntriesOf(
  keys: Keys,
  order: IndexedOrder,
  history: readonly Evidence[],
  before: readonly Evidence[] = [],
): IndexEntry[] {
  const known = new Set(receiptsIn(before));
  const receipts = receiptsIn(history).filter((receipt) => !known.has(receipt));
  return withoutRepeats(receipts.map((value) => entryOf(keys, order, { kind: 'receipt', value })));
}

/** All receipts that any reading reported. */
export function receiptsIn(history: readonly Evidence[]): string[] {
  return history.flatMap(({ receipt, furtherReceipts = [] }) => [
    ...(receipt ? [receipt] : []),
    ...furtherReceipts,
  ]);
}

/** A metadata value as text, as a query gives it; `null` for one that is missing or has fields of its own. */
export function metadataText(metadata: { readonly [key: string]: Json }, key: string): string | null {
  if (!Object.hasOwn(metadata, key)) return null;
  const value = metadata[key];
  return typeof value === 'object' || value === undefined ? null : String(value);
}

/** The part of a member behind the hash of its value: a position among the orders with that value. */
export function tailOf(member: string): string {
  return member.slice(valueLength);
}

/** The member with this tail in a range. */
export function memberAt({ prefix }: IndexRange, tail: string): string {
  return `${prefix.slice(0, valueLength)}${tail}`;
}

/** The form of a tail. */
export const tailPattern = /^[\w-]{2}[0-9a-z]{9}(?!\.{1,2}$)[A-Za-z0-9._:-]{1,128}$/;

export function orderIdOfMember(member: string): string {
  return member.slice(idPlace - 1);
}

/** A time as text of fixed length, which sorts like the number. */
function timeText(at: number): string {
  return Math.max(0, Math.floor(at)).toString(36).padStart(timeLength, '0');
}

/** Where an order's id begins in a member, counted from 1 as Lua does. */
export const idPlace = valueLength + accountLength + timeLength + 1;

function entryOf(keys: Keys, { account, createdAt, orderId }: IndexedOrder, value: LookupValue): IndexEntry {
  const { key, prefix } = rangeOf(keys, value, account);
  return { key, member: `${prefix}${timeText(createdAt)}${orderId}` };
}

/** References and receipts are found in any spelling: gateways are not consistent about case. */
function textOf(value: LookupValue): string {
  if (value.kind === 'metadata') return `metadata ${JSON.stringify(value.key)} ${value.value}`;
  return `${value.kind} ${value.value.toLowerCase()}`;
}

function accountHash(account: string): string {
  return sha256(account).toString('base64url').slice(0, accountLength);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function withoutRepeats(entries: readonly IndexEntry[]): IndexEntry[] {
  return [...new Map(entries.map((entry) => [`${entry.key} ${entry.member}`, entry])).values()];
}
