import type { OrderRecord } from '../orders/record.ts';
import type { ResultsHub } from '../results/results-hub.ts';

export interface VerdictWait {
  readonly orderId: string;
  read(): Promise<OrderRecord | null>;
  readonly seconds: number;
  /** Only a verdict newer than this `stateversion` ends the wait. */
  readonly after: number;
  /** Aborted when the client has gone: nobody reads the answer. */
  readonly gone: AbortSignal;
  /** Aborted when the service stops: waiting requests are answered then. */
  readonly stop: AbortSignal;
}

/** The record of an order, once it has a new verdict; at the latest after `seconds`, or when one of the signals is aborted. */
export async function awaitVerdict(hub: ResultsHub, wait: VerdictWait): Promise<OrderRecord | null> {
  const ended = AbortSignal.any([wait.gone, wait.stop]);
  let cleanUp = () => {};
  let timer: NodeJS.Timeout | undefined;
  const notified = new Promise<void>((resolve) => {
    const unsubscribe = hub.onOrder(wait.orderId, () => resolve());
    const onEnd = () => resolve();
    ended.addEventListener('abort', onEnd, { once: true });
    timer = setTimeout(resolve, wait.seconds * 1_000);
    cleanUp = () => {
      unsubscribe();
      ended.removeEventListener('abort', onEnd);
    };
  });
  try {
    // Subscribing comes first: a verdict between the read and the wait would be missed otherwise.
    const record = await wait.read();
    if (record === null || record.progress.stateversion > wait.after || ended.aborted) return record;
    await notified;
    return wait.gone.aborted ? record : await wait.read();
  } finally {
    cleanUp();
    clearTimeout(timer);
  }
}
