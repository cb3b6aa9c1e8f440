import { type Acknowledgement, acknowledgementOf, isAcknowledgeable } from './acknowledgement.ts';
import type { OrderStore } from './store.ts';

export type AcknowledgeResult =
  /** `same`: this note is there already. */
  | { readonly outcome: 'acknowledged' | 'same'; readonly acknowledgement: Acknowledgement }
  /** `no-verdict`, `final`: there is nothing to acknowledge. `changed`: another verdict than the caller saw is the last one. */
  | { readonly outcome: 'no-verdict' | 'final' | 'changed' | 'gone' };

type Store = Pick<OrderStore, 'read' | 'acknowledge'>;

/**
 * Acknowledges the last verdict of an order. The verdict itself never changes by it, and the order is polled as before.
 *
 * @param seen the stateversion that the person saw. Default: the one found first. A later verdict is not acknowledged unseen
 */
export async function acknowledge(
  store: Store,
  orderId: string,
  { by, at, note }: Omit<Acknowledgement, 'stateversion'>,
  seen?: number,
): Promise<AcknowledgeResult> {
  for (let expected = seen; ; ) {
    const record = await store.read(orderId);
    if (record === null) return { outcome: 'gone' };
    const { stateversion } = record.progress;
    expected ??= stateversion;
    if (stateversion !== expected) return { outcome: 'changed' };
    const may = isAcknowledgeable(record.progress);
    if (may !== 'yes') return { outcome: may };
    const known = acknowledgementOf(record);
    if (known !== null && known.note === note) return { outcome: 'same', acknowledgement: known };
    const acknowledgement = { by, at, note, stateversion };
    const written = await store.acknowledge(record, acknowledgement);
    if (written === 'gone') return { outcome: 'gone' };
    if (written === 'done') return { outcome: 'acknowledged', acknowledgement };
  }
}

/** Takes an acknowledgement back: the order needs attention again. `none`: its last verdict was not acknowledged. */
export async function unacknowledge(store: Store, orderId: string): Promise<'removed' | 'none' | 'gone'> {
  for (;;) {
    const record = await store.read(orderId);
    if (record === null) return 'gone';
    if (acknowledgementOf(record) === null) return 'none';
    const written = await store.acknowledge(record, null);
    if (written === 'gone') return 'gone';
    if (written === 'done') return 'removed';
  }
}
