import type { Json, Reference } from '../domain/order.ts';
import { entriesOf } from '../orders/lookup-index.ts';
import type { Indexed, OrderIndex } from '../orders/order-index.ts';
import { providers } from '../providers/index.ts';
import { isRedisFault } from '../redis/redis-fault.ts';
import type { SweepParts } from './sweep-parts.ts';

const fieldNames = ['account', 'reference', 'createdAt', 'phase', 'order'] as const;

/**
 * Adds orders to the index that are missing from it: those of an earlier release, those that were submitted before their metadata
 * key was listed in `INDEXED_METADATA`, and those whose entries somebody deleted.
 */
export async function restoreIndex(
  { keys, store, indexedMetadata = [] }: Pick<SweepParts, 'keys' | 'store' | 'indexedMetadata'>,
  index: OrderIndex,
  orderIds: readonly string[],
): Promise<void> {
  // The details of an order are only needed for its metadata.
  const names = indexedMetadata.length > 0 ? fieldNames : fieldNames.slice(0, 4);
  const found = await index.fields(orderIds, names);
  const expected = orderIds.flatMap((orderId, nth): Indexed[] => {
    const [account, reference, createdAt, phase, details] = found[nth] ?? [];
    if (account == null || createdAt == null || phase == null) return [];
    const order = {
      ...{ orderId, account, createdAt: Number(createdAt) },
      reference: (parsed(reference) ?? '') as Reference,
      metadata: metadataOf(details),
    };
    return [
      {
        orderId,
        list: phase === 'asking' ? 'asking' : 'settled',
        entries: entriesOf(keys, order, [], indexedMetadata),
      },
    ];
  });
  const areIndexed = await index.areIndexed(expected);
  for (const { orderId } of expected.filter((_, nth) => areIndexed[nth] === false)) {
    const record = await store.read(orderId).catch((error: unknown) => {
      if (isRedisFault(error)) throw error;
      // A damaged record is reported by the code that needs it.
      return null;
    });
    if (record === null) continue;
    const { provider, reference } = record.order;
    await index.reindex(record, providers.get(provider)?.aliases(reference) ?? [], indexedMetadata);
  }
}

/** The metadata among the packed details of an order. */
function metadataOf(details: string | null | undefined): { readonly [key: string]: Json } {
  const unpacked = parsed(details);
  const metadata: unknown = Array.isArray(unpacked) ? unpacked[1] : null;
  return typeof metadata === 'object' && metadata !== null ? (metadata as { [key: string]: Json }) : {};
}

function parsed(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}
