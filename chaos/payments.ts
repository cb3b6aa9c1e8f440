import type { ExpectedVerdict } from './expected.ts';
import type { Case, PublishedVerdict } from './judge.ts';
import type { Occasion } from './occasions.ts';
import { orderKey, verdictKey } from './order-key.ts';

/** A case, and who has its payment. */
export type Shared = Case & {
  /** The order that the payment was given to first, when it is another one than this. */
  readonly owner: Owner | null;
};

/** The order that a payment was given to. */
export interface Owner {
  readonly orderId: string;
  /** When it was, by the results stream. */
  readonly streamId: string;
}

const used = 'receipt-used';

/**
 * One payment pays one order, the first to settle: the stream tells which. The others end in doubt, and that may be published from
 * then on, in place of "paid". Pure.
 */
export function dividePayments(cases: readonly Case[], published: readonly PublishedVerdict[]): Shared[] {
  const sharers = Map.groupBy(cases, ({ payment }) => payment);
  const shared = new Map([...sharers].filter(([payment, all]) => payment !== null && all.length > 1));
  const paymentOf = new Map(
    [...shared].flatMap(([payment, all]) => all.map((one) => [orderKey(one), payment])),
  );
  const owners = new Map<string, { readonly key: string; readonly owner: Owner }>();
  for (const { event, streamId } of published) {
    if (event?.data.status !== 'paid') continue;
    const payment = paymentOf.get(verdictKey(event));
    if (payment == null || owners.has(payment)) continue;
    owners.set(payment, { key: verdictKey(event), owner: { orderId: event.subject, streamId } });
  }
  return cases.map((one) => {
    const found = one.payment === null ? undefined : owners.get(one.payment);
    if (found === undefined || found.key === orderKey(one)) return { ...one, owner: null };
    return { ...one, owner: found.owner, expected: lost(one.expected), occasions: one.occasions.map(denied) };
  });
}

/** The case of an order that may have its payment or not, as far as its single verdicts go. */
export function whoeverIsPaid(one: Case): Case {
  return { ...one, occasions: [...one.occasions, ...one.occasions.map(denied)] };
}

function lost(expected: ExpectedVerdict): ExpectedVerdict {
  return { ...expected, status: 'unresolved', reason: used, amountVerified: false };
}

/** What would have been paid is in doubt. */
function denied(occasion: Occasion): Occasion {
  return occasion.status === 'paid' ? { ...occasion, status: 'unresolved', reason: used } : occasion;
}

/** What is wrong with the verdicts about an order whose payment other orders speak of too; `null` when nothing is. */
export function sharingFault({ owner }: Shared, published: readonly PublishedVerdict[]): string | null {
  for (const { event, streamId } of published) {
    if (event === null) continue;
    const { id, data } = event;
    if (data.status === 'paid' && owner !== null) return `${id} says paid by the payment of ${owner.orderId}`;
    if (data.reason !== used) continue;
    if (owner === null || isBefore(streamId, owner.streamId))
      return `${id} says that the receipt is used, which no other order was paid with`;
    if (!JSON.stringify(data.evidence).includes(JSON.stringify(owner.orderId)))
      return `${id} does not name ${owner.orderId}, which the receipt belongs to`;
  }
  return null;
}

/** What is wrong with the refusal of an order because another one was paid by the reference; `null` when nothing is. */
export function refusalFault(
  one: Case,
  cases: readonly Case[],
  published: readonly PublishedVerdict[],
): string | null {
  const paid = new Set(
    published.flatMap(({ event }) => (event?.data.status === 'paid' ? [event.subject] : [])),
  );
  const named = cases.find(({ orderId }) => orderId === one.refusedFor);
  const isSame =
    named !== undefined &&
    named.facts.account === one.facts.account &&
    JSON.stringify(named.facts.reference) === JSON.stringify(one.facts.reference);
  if (!isSame) return `refused for the sake of ${one.refusedFor}, which has another reference`;
  return paid.has(named.orderId) ? null : `refused for the sake of ${named.orderId}, which was not paid`;
}

function isBefore(a: string, b: string): boolean {
  const [aMs = 0, aCount = 0] = a.split('-').map(Number);
  const [bMs = 0, bCount = 0] = b.split('-').map(Number);
  return aMs < bMs || (aMs === bMs && aCount < bCount);
}
